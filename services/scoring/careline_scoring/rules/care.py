"""TAG-4, special care: which ways of handling the tags of a customer's record call for, and why."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

from careline_contracts.events.scoring import Handling
from careline_scoring.model import Tags


class CareRules:
    """Special care by one policy."""

    def __init__(self, ways: Mapping[str, Sequence[Handling]]) -> None:
        self._ways = ways
        # it is asked with every decision, and the records of very many say the same
        self.with_handling = lru_cache(maxsize=4096)(self._with_handling)

    def _with_handling(self, record: Tags) -> Tags:
        """What the record says, and how to handle whom it says it of."""
        ways = {way for care in dict(record).get("care", ()) for way in self._ways.get(care, ())}
        return (*record, ("handling", tuple(sorted(ways)))) if ways else record

    def calls_for(self, record: Tags, way: str) -> tuple[str, ...]:
        """The tags of special care that call for a way of handling."""
        return tuple(c for c in dict(record).get("care", ()) if way in self._ways.get(c, ()))
