"""uvicorn's HTTP protocol, and a bound on a request's head: it is in memory until it ends."""

from typing import Final

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger(__name__)

MOST_HEAD_BYTES: Final = 64 * 1024
"""Of request line and headers; proxies before a service take 8 to 32 KiB."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection whose request's head doesn't end."""

    _head_bytes = 0
    _is_in_head = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self._is_in_head or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            log.warning("request.head_too_large", bytes=self._head_bytes)
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        super().on_headers_complete()
