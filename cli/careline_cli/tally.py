"""What became of a file: every row and event accounted for, every refusal with its reason."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from careline_cli.outgoing import Outgoing
from careline_cli.rows import Row
from careline_cli.translation import Refused, Translation
from careline_client import Verdict

MOST_KINDS = 200
"""Of rejections; what comes beyond is told apart by its code alone."""

_VARYING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\b\d+\b""")
"""Values and numbers in a reason: without them it says what kind of rejection it is."""


@dataclass
class Kind:
    """Rejections for the same reason: the first of them, and how many."""

    first: Refused
    count: int = 0


@dataclass
class Tally:
    """What became of a file. Events accepted, duplicate and rejected add up to all there were."""

    rows: int = 0
    skipped_rows: int = 0
    """Rows in which no event's conditions held."""
    rejected_lines: set[int] = field(default_factory=set)
    events: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)
    seconds: float = 0.0

    def refuse(self, refused: Refused) -> None:
        """Counts one event, or one row that can't be read."""
        self.events["rejected"] += 1
        self.reasons[refused.code] += 1
        self.rejected_lines.add(refused.line)
        kind = (refused.code, _VARYING.sub("…", refused.reason))
        if kind not in self.kinds and len(self.kinds) >= MOST_KINDS:
            kind = (refused.code, "")
        self.kinds.setdefault(kind, Kind(refused)).count += 1

    def as_json(self) -> dict[str, Any]:
        touchpoints = {name: self.events[name] for name in ("accepted", "rejected", "duplicate")}
        sent = sum(touchpoints.values())
        return {
            "touchpoints": touchpoints,
            "rows": self.rows,
            "skipped_rows": self.skipped_rows,
            "rejected_rows": len(self.rejected_lines),
            "rejected_by_code": dict(self.reasons.most_common()),
            "seconds": round(self.seconds, 3),
            "events_per_second": round(sent / self.seconds) if self.seconds else 0,
        }


class RejectFile:
    """A CSV of what was refused: line, code, reason, and the row as it stood in the file."""

    def __init__(self, file: TextIO | None, tally: Tally) -> None:
        self._writer = csv.writer(file) if file is not None else None
        self._tally = tally
        if self._writer is not None:
            self._writer.writerow(("line", "code", "reason", "text"))

    def add(self, refused: Refused) -> None:
        self._tally.refuse(refused)
        if self._writer is not None:
            self._writer.writerow(refused)

    def add_event(self, event: Outgoing, verdict: Verdict) -> None:
        """An event that ingest refuses."""
        reason = f"{verdict.pointer} {verdict.detail}".strip()
        self.add(Refused(event.line, verdict.code, reason, event.text))


def touchpoints_of(
    rows: Iterable[Row], translation: Translation, tally: Tally, rejects: RejectFile
) -> Iterator[Outgoing]:
    """The events that the rows give; what cannot be mapped goes to the reject file."""
    for row in rows:
        tally.rows += 1
        is_skipped = True
        for touchpoint in translation.touchpoints(row):
            is_skipped = False
            if isinstance(touchpoint, Refused):
                rejects.add(touchpoint)
            else:
                yield touchpoint
        tally.skipped_rows += is_skipped
