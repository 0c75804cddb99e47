"""Who lost access before their tokens expire: by subject, what was issued until then.

docs/decisions/0026-access-is-withdrawn-by-name.md says why by subject and instant.
"""

from datetime import datetime

import structlog
from pydantic import ValidationError

from careline_contracts.events.profile import AccessWithdrawn
from careline_runtime.errors import TryLater

log = structlog.get_logger(__name__)


class Withdrawals:
    """What was withdrawn, as far as it was heard; until all of it is known nobody is let in."""

    def __init__(self, *, are_known: bool = False) -> None:
        self.are_known = are_known
        self._by_subject: dict[str, datetime] = {}

    def hear(self, key: str, value: bytes | None) -> None:
        """Takes a record of the topic; the same one again changes nothing."""
        if value is None:
            self._by_subject.pop(key, None)
            return
        try:
            withdrawn = AccessWithdrawn.parse(value)
        except ValidationError:
            log.error("withdrawal.unreadable", action="withdraw it again")
        else:
            self._by_subject[withdrawn.subject] = withdrawn.withdrawn_at

    def include(self, subject: str, issued_at: datetime) -> bool:
        """Whether a token of `subject` is worth nothing any more; raises `TryLater`."""
        if not self.are_known:
            raise TryLater("who lost access is not known yet")
        withdrawn_at = self._by_subject.get(subject)
        return withdrawn_at is not None and issued_at <= withdrawn_at
