"""The weekly check: counts everything, looks for duplicates, and keeps what it found."""

from datetime import date, datetime, timedelta

import structlog

from careline_profile import metrics
from careline_profile.quality import queries, store
from careline_profile.quality.model import Check
from careline_profile.quality.namesakes import namesakes
from careline_profile.quality.policy import QualityPolicy
from careline_profile.quality.rules import check, duplicates
from careline_profile.record.rules.fold import FieldRules
from careline_runtime.database import Connect
from careline_runtime.keyring import Keyring
from careline_runtime.unit_of_work import Work

log = structlog.get_logger(__name__)


class Checker:
    """Checks all records; what takes long reads only, beside the events that are handled."""

    def __init__(
        self,
        connect: Connect,
        work: Work,
        *,
        policy: QualityPolicy,
        fields: FieldRules,
        keyring: Keyring,
    ) -> None:
        self._connect, self._work = connect, work
        self._policy, self._keyring = policy, keyring
        self._tried: date | None = None
        self._rules = fields

    async def check(self, now: datetime) -> Check:
        """Checks the records as they are, for this week."""
        week = (now - timedelta(days=now.weekday())).date()
        async with self._connect() as connection:
            await queries.take_time(connection)
            groups = await namesakes(connection, self._keyring)
        pairs = [
            pair
            for group in groups
            for pair in duplicates(group, least_similarity=self._policy.least_similarity)
        ]
        async with self._work() as unit:
            await store.propose(unit.connection, pairs, at=now)
        async with self._connect() as connection:
            await queries.take_time(connection)
            found = check(
                await queries.count(connection, self._rules, at=now), self._rules.declared
            )
        async with self._work() as unit:
            await store.keep(unit.connection, week, found)
        metrics.show_quality(found)
        accuracy = found.accuracy.ratio
        if accuracy is not None and accuracy < self._policy.accuracy_target:
            log.warning("records.below_target", accuracy=accuracy, duplicates=len(pairs))
        return found

    async def check_weekly(self, now: datetime) -> None:
        """Checks once a week, at the first look in it; a check that fails is not tried again."""
        monday = (now - timedelta(days=now.weekday())).date()
        if self._tried is not None and self._tried >= monday:
            return
        self._tried = monday
        async with self._connect() as connection:
            latest = await queries.latest_week(connection)
        if latest is None or latest < monday:
            await self.check(now)
