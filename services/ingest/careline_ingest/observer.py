"""What the edge notices about its sources: late, out of order, ahead of our clock, repeated.

Only under the system clock: a replay's time is not the senders'.
"""

from collections import Counter as Tally
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from careline_ingest import metrics
from careline_ingest.policy import IngestPolicy
from careline_ingest.rules import Accepted
from careline_ingest.sources import Sources
from careline_ingest.watch import Seen


class Observer:
    """Counts by source, and hands what was seen to the watch."""

    def __init__(self, policy: IngestPolicy, *, note: Callable[[Iterable[Seen]], None]) -> None:
        self._late_after = timedelta(minutes=policy.watch.late_after_minutes)
        self._skewed_after = timedelta(seconds=policy.watch.skewed_after_seconds)
        self._sources = Sources(policy.most_sources)
        self._note = note
        self._newest: dict[str, datetime] = {}

    def saw(self, verdicts: Iterable[Accepted]) -> None:
        """Takes note of accepted events, in the order in which they came."""
        odd: Tally[tuple[str, str]] = Tally()
        seen = []
        for verdict in verdicts:
            envelope = verdict.envelope
            source = self._sources.name(envelope.source)
            seen.append(Seen(source, envelope.type, verdict.fields))
            lag = envelope.recorded_at - envelope.occurred_at
            if lag > self._late_after:
                odd[source, "late"] += 1
            elif -lag > self._skewed_after:
                odd[source, "clock_skewed"] += 1
            newest = self._newest.get(source)
            if newest is None or envelope.occurred_at >= newest:
                self._newest[source] = envelope.occurred_at
            else:
                odd[source, "out_of_order"] += 1
        self._note(seen)
        for (source, what), count in odd.items():
            metrics.source_odd.labels(source, what).inc(count)

    def saw_again(self, verdicts: Iterable[Accepted]) -> None:
        """Takes note of events that were taken before."""
        for verdict in verdicts:
            source = self._sources.name(verdict.envelope.source)
            metrics.source_odd.labels(source, "duplicate").inc()


class Unobserving(Observer):
    """Takes note of nothing: what stands in under the replay clock."""

    def __init__(self) -> None: ...
    def saw(self, verdicts: Iterable[Accepted]) -> None: ...
    def saw_again(self, verdicts: Iterable[Accepted]) -> None: ...
