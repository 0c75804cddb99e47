"""The network between servers, as something that can be slow, silent or cut.

A link listens on a port of its own and passes bytes on to the server behind it. Kafka has none: a
broker tells its clients where to go, and would lead them past it.
"""

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

from careline_localstack.ports import LOOPBACK

LinkName = Literal["postgres", "valkey", "ingest"]

LATENCY_SECONDS = 0.1
"""Of each message in each direction, while a link is slow; Valkey has as long to answer."""

_CHUNK_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)
"""Linger for no time: closing sends RST and not FIN."""


class Link:
    """The way to the server that listens on `port_behind()`; a server that is away resets it."""

    def __init__(self, port_behind: Callable[[], int]) -> None:
        self.port = 0
        """Where it listens, once it is open."""
        self._port_behind = port_behind
        self._latency_seconds = 0.0
        self._speaks = asyncio.Event()
        self._speaks.set()
        self._ends: set[StreamWriter] = set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._connect, LOOPBACK, 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield
            server.close()
            self.cut()

    async def slow_down(self, seconds: float) -> None:
        """Every message is late, for so long."""
        self._latency_seconds = LATENCY_SECONDS
        try:
            await asyncio.sleep(seconds)
        finally:
            self._latency_seconds = 0.0

    async def fall_silent(self, seconds: float) -> None:
        """Half-open: it accepts, and passes on nothing; what was said meanwhile is lost."""
        self._speaks.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.cut()
            self._speaks.set()

    def cut(self) -> None:
        """Resets every connection, whatever is on its way."""
        for end in [end for end in self._ends if not end.is_closing()]:
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.transport.abort()

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(LOOPBACK, self._port_behind())
        except OSError:
            writer.transport.abort()
            return
        self._ends |= {writer, far_writer}
        try:
            await asyncio.gather(
                self._pass_on(reader, far_writer), self._pass_on(far_reader, writer)
            )
        finally:
            self._ends -= {writer, far_writer}

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Everything that is said in one direction, until either side ends."""
        try:
            while message := await reader.read(_CHUNK_BYTES):
                await self._speaks.wait()
                await asyncio.sleep(self._latency_seconds)
                writer.write(message)
                await writer.drain()
        except OSError:
            pass  # the reset of one side ends the other
        finally:
            writer.close()
