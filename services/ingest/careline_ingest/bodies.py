"""Reads a request's body, zipped or not: never more than is allowed, never for longer."""

import asyncio
import zlib
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect, Request

from careline_ingest.admission import Place

GZIP_WINDOW_BITS = 31


class UnreadableBody(Exception):
    """The body can't be taken; says so in HTTP's words and ours."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


async def read_body(request: Request, place: Place, *, max_bytes: int, seconds: float) -> bytes:
    """The unzipped body; raises `UnreadableBody`, or `Busy` when its bytes find no room."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise UnreadableBody(415, "unsupported_content_encoding", "only gzip is understood")
    chunks = request.stream() if encoding == "identity" else _unzipped(request, max_bytes)
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in chunks:
                if len(body) + len(chunk) > max_bytes:
                    raise _too_large(max_bytes)
                place.take(len(chunk))
                body += chunk
    except TimeoutError as error:
        words = f"the body did not arrive within {seconds:g} seconds"
        raise UnreadableBody(408, "timeout", words) from error
    except ClientDisconnect as error:
        raise UnreadableBody(400, "incomplete_body", "the body ended early") from error
    return bytes(body)


async def _unzipped(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """Never unzips more than one byte over the limit, whatever the ratio."""
    unzip = zlib.decompressobj(GZIP_WINDOW_BITS)
    left = max_bytes + 1
    async for chunk in request.stream():
        try:
            unzipped = unzip.decompress(chunk, left)
        except zlib.error as error:
            raise UnreadableBody(400, "bad_encoding", "the body is not gzip") from error
        if unzip.unused_data:
            raise UnreadableBody(400, "bad_encoding", "there is more after the gzip stream")
        left -= len(unzipped)
        yield unzipped
        if left <= 0:
            return
    if not unzip.eof:
        raise UnreadableBody(400, "bad_encoding", "the gzip stream ends early")


def _too_large(max_bytes: int) -> UnreadableBody:
    return UnreadableBody(413, "too_large", f"the body may have {max_bytes} bytes")
