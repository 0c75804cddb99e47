"""What a source does is learned in Valkey; silence, drift and recovery are said once each."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from careline_contracts.envelope import Envelope, from_headers
from careline_contracts.events.ingest import ChannelDrifting, ChannelRecovered, ChannelSilent
from careline_contracts.events.touchpoints import CallCompleted
from careline_ingest import metrics
from careline_ingest.observer import Observer
from careline_ingest.policy import IngestPolicy
from careline_ingest.rules import Accepted
from careline_ingest.watch import PREFIX, Seen, Watch
from careline_runtime.valkey import Valkey

SOURCE = "/phone/watched"
WITH_AGENT = frozenset({"identities", "direction", "duration_seconds", "agent"})
WITHOUT = WITH_AGENT - {"agent"}


@pytest.mark.stack
class TestTheWatch:
    @pytest.fixture
    async def watch(
        self, valkey: Valkey, policy: IngestPolicy, fake_publisher: Any, clock: Any
    ) -> Watch:
        for key in await valkey.client.keys(f"{PREFIX}*"):
            await valkey.client.delete(key)
        return Watch(valkey, fake_publisher, policy=policy.watch, now=lambda: clock.instant)

    async def pass_hours(
        self, watch: Watch, clock: Any, hours: int, *, events: int, fields: frozenset[str]
    ) -> None:
        for _ in range(hours):
            watch.note([Seen(SOURCE, CallCompleted.type, fields)] * events)
            await watch.flush()
            clock.instant += timedelta(hours=1)

    async def test_silence_drift_and_recovery_are_said_once_each(
        self, watch: Watch, fake_publisher: Any, clock: Any
    ) -> None:
        clock.instant = datetime(2026, 3, 2, tzinfo=UTC)
        await self.pass_hours(watch, clock, 24 * 9, events=8, fields=WITH_AGENT)
        await watch.check()
        assert fake_publisher.records == []

        clock.instant += timedelta(hours=4)  # 32 events were due
        await watch.check()
        await watch.check()
        [silent] = fake_publisher.records
        assert ChannelSilent.parse(silent.value) == ChannelSilent(
            source=SOURCE, since=datetime(2026, 3, 11, tzinfo=UTC), expected_events=32
        )

        await self.pass_hours(watch, clock, 19, events=8, fields=WITHOUT)
        await watch.check()
        await watch.check()
        said = fake_publisher.records[1:]
        assert [from_headers(r.headers).type for r in said] == [
            ChannelDrifting.type,
            ChannelRecovered.type,
        ]
        drifting = ChannelDrifting.parse(said[0].value)
        assert (drifting.kind, drifting.usual, drifting.found) == ("null_share", 0.0, 1.0)
        assert ChannelRecovered.parse(said[1].value).recovered_from == "silent"

        await self.pass_hours(watch, clock, 24, events=8, fields=WITH_AGENT)
        await watch.check()
        assert ChannelRecovered.parse(fake_publisher.records[-1].value).recovered_from == (
            "null_share"
        )

    async def test_without_valkey_nothing_is_said(
        self, policy: IngestPolicy, fake_publisher: Any, clock: Any
    ) -> None:
        nobody = Valkey(
            "redis://127.0.0.1:1/0",
            timeout_milliseconds=policy.valkey_timeout_milliseconds,
            pause_seconds=policy.valkey_pause_seconds,
        )
        watch = Watch(nobody, fake_publisher, policy=policy.watch, now=lambda: clock.instant)
        watch.note([Seen(SOURCE, CallCompleted.type, WITH_AGENT)])
        await watch.flush()
        await watch.check()
        assert fake_publisher.records == []
        await nobody.close()

    async def test_one_instance_compares_at_a_time(
        self, valkey: Valkey, policy: IngestPolicy, fake_publisher: Any, clock: Any
    ) -> None:
        watches = [
            Watch(valkey, fake_publisher, policy=policy.watch, now=lambda: clock.instant)
            for _ in range(3)
        ]
        assert [await watch._has_the_turn() for watch in watches] == [True, False, False]


def accepted(source: str, occurred_at: datetime, recorded_at: datetime) -> Accepted:
    envelope = Envelope("1", source, CallCompleted.type, occurred_at, recorded_at)
    return Accepted(None, envelope, "phone", WITHOUT)  # type: ignore[arg-type]


def test_what_is_late_early_or_out_of_order_is_counted_by_source(policy: IngestPolicy) -> None:
    noted: list[Seen] = []
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    observer = Observer(policy, note=noted.extend)
    source = "/phone/odd"

    def odd(what: str) -> float:
        return float(metrics.source_odd.labels(source, what)._value.get())

    before = {what: odd(what) for what in ("late", "out_of_order", "clock_skewed", "duplicate")}
    events = [
        accepted(source, now - timedelta(minutes=minutes), now)
        for minutes in (10, 5, 6, 61, -0.1, 0)
    ]
    observer.saw(events)
    observer.saw_again(events[:2])

    assert {what: odd(what) - count for what, count in before.items()} == {
        "late": 1,
        "out_of_order": 3,  # 6 after 5, 61 after 5, 0 after the one from the future
        "clock_skewed": 1,
        "duplicate": 2,
    }
    assert len(noted) == len(events)
