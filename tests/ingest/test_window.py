"""The duplicate window: knows what was taken, forgets in time, and never stands in the way."""

import asyncio
import time
import uuid
from datetime import timedelta
from typing import Any

import pytest

from careline_contracts.envelope import event_key
from careline_ingest import metrics
from careline_ingest.policy import IngestPolicy
from careline_ingest.window import ValkeyWindow, Window
from careline_runtime.valkey import Valkey

NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
async def valkey_window(valkey: Valkey, policy: IngestPolicy, clock: Any) -> ValkeyWindow:
    return ValkeyWindow(valkey, policy=policy, now=clock.now)


@pytest.fixture(params=["fake", pytest.param("valkey", marks=pytest.mark.stack)])
def window(request: pytest.FixtureRequest) -> Window:
    found: Window = request.getfixturevalue(f"{request.param}_window")
    return found


def some_events(count: int) -> list[Any]:
    source = f"/test/{uuid.uuid4()}"
    return [event_key(source, str(n)) for n in range(count)]


async def test_an_event_is_known_once_it_was_taken(window: Window) -> None:
    events = some_events(1_000)
    assert await window.known(events) == [False] * 1_000
    await window.remember(events[:500])
    assert await window.known(events) == [True] * 500 + [False] * 500


async def test_of_nothing_nothing_is_known(window: Window) -> None:
    await window.remember([])
    assert await window.known([]) == []


@pytest.mark.stack
async def test_an_event_is_forgotten_after_two_windows_at_most(
    valkey_window: ValkeyWindow, policy: IngestPolicy, clock: Any
) -> None:
    [event] = some_events(1)
    await valkey_window.remember([event])
    clock.instant += timedelta(minutes=policy.duplicate_window_minutes)
    assert await valkey_window.known([event]) == [True]
    clock.instant += timedelta(minutes=policy.duplicate_window_minutes)
    assert await valkey_window.known([event]) == [False]


async def test_without_valkey_everything_is_new_and_it_says_so(
    policy: IngestPolicy, clock: Any
) -> None:
    valkey = Valkey(
        NOBODY,
        timeout_milliseconds=policy.valkey_timeout_milliseconds,
        pause_seconds=policy.valkey_pause_seconds,
    )
    window = ValkeyWindow(valkey, policy=policy, now=clock.now)
    skipped = metrics.window_skipped._value.get()
    assert await window.known(some_events(3)) == [False] * 3
    assert metrics.window_skipped._value.get() == skipped + 3
    await valkey.close()


async def test_a_silent_valkey_is_asked_once_in_a_while_only(
    policy: IngestPolicy, clock: Any
) -> None:
    never = asyncio.Event()
    asked = 0

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await never.wait()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    valkey = Valkey(
        f"redis://127.0.0.1:{port}/0",
        timeout_milliseconds=policy.valkey_timeout_milliseconds,
        pause_seconds=policy.valkey_pause_seconds,
    )
    window = ValkeyWindow(valkey, policy=policy, now=clock.now)
    started = time.perf_counter()
    for _ in range(50):
        assert await window.known(some_events(1)) == [False]
    longest = 50 * policy.valkey_timeout_milliseconds / 1000
    assert time.perf_counter() - started < longest / 2, "most have not waited"
    assert asked == 1
    await valkey.close()
    never.set()
    server.close()
    await server.wait_closed()
