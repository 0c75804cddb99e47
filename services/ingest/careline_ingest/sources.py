"""Sources as metrics and memory name them: senders choose them, so there is a bound."""

from typing import Final

UNKNOWN: Final = "unknown"
"""What could not be read."""

OTHER: Final = "other"
"""All sources beyond those that are named."""

_LONGEST = 255


class Sources:
    """The first `most` sources have names of their own."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def name(self, source: object) -> str:
        """`source` itself, `other` beyond the bound, `unknown` if it is no readable text."""
        if not isinstance(source, str):
            return UNKNOWN
        if source not in self._known:
            if not source or not source.isprintable():
                return UNKNOWN
            if len(self._known) == self._most or len(source) > _LONGEST:
                return OTHER
            self._known.add(source)
        return source
