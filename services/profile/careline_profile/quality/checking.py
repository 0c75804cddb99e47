"""The weekly check: counts everything, looks for duplicates, and keeps what it found."""

from datetime import date, datetime, timedelta

import structlog

from careline_profile import metrics
from careline_profile.in_force import InForce
from careline_profile.quality import queries, store
from careline_profile.quality.model import Check
from careline_profile.quality.namesakes import namesakes
from careline_profile.quality.rules import check, duplicates
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Work

log = structlog.get_logger(__name__)


class Checker:
    """Checks all records; what takes long reads only, beside the events that are handled."""

    def __init__(self, connect: Connect, work: Work, in_force: InForce) -> None:
        self._connect, self._work, self._in_force = connect, work, in_force
        self._tried: date | None = None

    async def check(self, now: datetime) -> Check:
        """Checks the records as they are, for this week."""
        by = self._in_force()
        policy = by.policy.quality
        week = (now - timedelta(days=now.weekday())).date()
        async with self._connect() as connection:
            await queries.take_time(connection)
            groups = await namesakes(connection, by.keyring)
        pairs = [
            pair
            for group in groups
            for pair in duplicates(group, least_similarity=policy.least_similarity)
        ]
        async with self._work() as unit:
            await store.propose(unit.connection, pairs, at=now)
        async with self._connect() as connection:
            await queries.take_time(connection)
            counted = await queries.count(connection, by.fields, at=now)
        found = check(counted, by.fields.declared)
        async with self._work() as unit:
            await store.keep(unit.connection, week, found)
        metrics.show_quality(found, accuracy_target=policy.accuracy_target)
        accuracy = found.accuracy.ratio
        if accuracy is not None and accuracy < policy.accuracy_target:
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
