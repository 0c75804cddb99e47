"""Turns raw records into touchpoints, and those that can't be into dead letters, in order."""

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence

import structlog
from aiokafka import ConsumerRecord

from careline_contracts.envelope import Record
from careline_ingest import metrics
from careline_ingest.cloudevents import from_record
from careline_ingest.edge import Edge
from careline_ingest.observer import Observer
from careline_ingest.rules import Accepted, Rejected, Verdict
from careline_ingest.senders import RAW_TOPICS
from careline_runtime import metrics as runtime_metrics
from careline_runtime.dead_letter import dead_letter
from careline_runtime.sealed_letter import FinishLetter

log = structlog.get_logger(__name__)

EVENTS_A_TURN = 100
"""After so many events (3 ms) HTTP requests have their turn."""


class RawTopics:
    """The transformation of the raw topics. It has no state but what it counted."""

    def __init__(self, edge: Edge, observer: Observer, finish_letter: FinishLetter) -> None:
        self._edge = edge
        self._observer = observer
        self._finish_letter = finish_letter
        self._counted: dict[tuple[str, int], int] = {}

    async def transform(self, records: Sequence[ConsumerRecord]) -> list[Record]:
        """One record to publish for each record read."""
        published: list[Record] = []
        verdicts: list[Verdict] = []
        for start in range(0, len(records), EVENTS_A_TURN):
            present = self._edge.present()
            for record in records[start : start + EVENTS_A_TURN]:
                event = from_record(record.headers, record.value)
                verdict = self._edge.judge(event, RAW_TOPICS[record.topic], at=present)
                verdicts.append(verdict)
                published.append(
                    self._put_aside(record, verdict)
                    if isinstance(verdict, Rejected)
                    else verdict.record
                )
            await asyncio.sleep(0)
        self._count(records, verdicts)
        return published

    def _put_aside(self, record: ConsumerRecord, verdict: Rejected) -> Record:
        detail = f"{verdict.pointer}: {verdict.detail}" if verdict.pointer else verdict.detail
        letter = dead_letter(record, "ingest", reason=verdict.code, detail=detail)
        return self._finish_letter(letter)

    def _count(self, records: Sequence[ConsumerRecord], verdicts: Sequence[Verdict]) -> None:
        """Counts each record once, however often its batch is tried."""
        fresh: list[Verdict] = []
        refused: Tally[str] = Tally()
        for record, verdict in zip(records, verdicts, strict=True):
            place = (record.topic, record.partition)
            if record.offset <= self._counted.get(place, -1):
                continue
            self._counted[place] = record.offset
            fresh.append(verdict)
            if isinstance(verdict, Rejected):
                refused[verdict.code] += 1
                runtime_metrics.dead_letters.labels(record.topic, verdict.code).inc()
        metrics.count("kafka", fresh)
        self._observer.saw(verdict for verdict in fresh if isinstance(verdict, Accepted))
        if refused:
            log.warning("touchpoints.put_aside", **refused)
