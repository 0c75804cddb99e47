"""How the policy reads facts: as which evidence, on which day, and what their money is worth."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from careline_scoring.model import (
    AMOUNT_SCALE,
    FIRST_CONTACT,
    HABIT,
    NEVER,
    Fact,
    Habits,
    History,
    Series,
    names_of,
)
from careline_scoring.policy import ScoringPolicy


class Meaning(NamedTuple):
    """What facts of one kind are evidence of, looked up once a fact."""

    names: tuple[str, ...]
    is_purchase: bool
    is_refund: bool
    of_channel: bool
    of_product: bool
    of_part: bool
    """Whether they tell of a preferred channel, product, part of the day."""


class Evidence:
    """Folds facts into histories as a policy counts them."""

    def __init__(self, policy: ScoringPolicy) -> None:
        self._meanings: dict[str, Meaning] = {}
        self._preferences = policy.tags.preferences
        self._part_of_hour: dict[int, str] = {
            hour: part
            for part, (start, end) in policy.tags.preferences.part_of_day.parts.items()
            for hour in range(start, end)
        }
        self._by_name = policy.evidence.by_name()
        self.rates = {
            currency: int(rate * AMOUNT_SCALE) for currency, rate in policy.money.rates.items()
        } | {policy.money.currency: AMOUNT_SCALE}
        """What a minor unit of each currency is worth, in ten-thousandths of the policy's."""

    def names(self, kind: str) -> tuple[str, ...]:
        """The evidence that facts of this kind are; a kind without variant names all of them."""
        either = names_of(kind)
        return tuple(name for name, kinds in self._by_name.items() if either & set(kinds))

    def fold(self, history: History, fact: Fact) -> None:
        """Adds a fact to a customer's history; the order of facts does not matter."""
        day, kind, currency, times, amount_minor, channel, product, hour = fact
        meaning = self._meanings.get(kind) or self._learn(kind)
        if day > history.last_day:
            history.last_day = day
        if day < history.first_day:
            history.first_day = day
            history.known = None
        known, all_series = history.known, history.series
        if known is not None:
            known.new_evidence.update(meaning.names)
        for name in meaning.names:
            series = all_series.get(name)
            if series is None:
                series = all_series[name] = Series()
            if known is not None and name == "contact" and series.begins_after(day):
                known.new_evidence.add(FIRST_CONTACT)
            series.add(day, times, 0)
        if meaning.is_purchase:
            history.money.add(day, times, self._worth(history, currency, times, amount_minor))
        elif meaning.is_refund:
            history.money.add(day, 0, -self._worth(history, currency, times, amount_minor))

        tags = self._preferences
        channels, products, parts = history.habits
        often = False
        if meaning.of_channel and channel:
            often = _occurred(channels, channel, day, times) >= tags.channel.at_least
        if meaning.of_product and product:
            often |= _occurred(products, product, day, times) >= tags.product.at_least
        if meaning.of_part and (part := self._part_of_hour.get(hour)):
            often |= _occurred(parts, part, day, times) >= tags.part_of_day.at_least
        if often and known is not None:
            known.new_evidence.add(HABIT)

    def _learn(self, kind: str) -> Meaning:
        names, tags = self.names(kind), self._preferences
        found = self._meanings[kind] = Meaning(
            names,
            "purchase" in names,
            "refund" in names,
            not set(names).isdisjoint(tags.channel.of),
            not set(names).isdisjoint(tags.product.of),
            not set(names).isdisjoint(tags.part_of_day.of),
        )
        return found

    def converts(self, currency: str) -> bool:
        """Whether the policy can count amounts in this currency."""
        return currency in self.rates

    def history(self, facts: Iterable[Fact]) -> History:
        """The history that the facts make."""
        history = History()
        for fact in facts:
            self.fold(history, fact)
        return history

    def _worth(self, history: History, currency: str, times: int, amount_minor: int) -> int:
        rate = self.rates.get(currency)
        if rate is None:
            history.left_out[currency] = history.left_out.get(currency, 0) + times
            return 0
        return amount_minor * rate


def _occurred(habits: Habits, value: str, day: int, times: int) -> int:
    """Keeps an occurrence; how often there has been one in all."""
    days = habits.get(value, ())
    if not days or days[-1] <= day:
        habits[value] = days + (day,) * times
    else:
        at = bisect_right(days, day)
        habits[value] = (*days[:at], *(day,) * times, *days[at:])
    return len(days) + times


class Calendar:
    """Business days of a time zone, as ordinals, and their hours."""

    def __init__(self, time_zone: str) -> None:
        self._zone = ZoneInfo(time_zone)
        self._midnight_of = lru_cache(maxsize=4096)(self._midnight)

    def day_of(self, instant: datetime) -> int:
        """The business day on which the instant falls."""
        return instant.astimezone(self._zone).toordinal()

    def day_and_hour(self, instant: datetime) -> tuple[int, int]:
        """The business day on which the instant falls, and the hour of it."""
        local = instant.astimezone(self._zone)
        return local.toordinal(), local.hour

    def local(self, instant: datetime) -> datetime:
        """The same instant as people in the zone write it."""
        return instant.astimezone(self._zone)

    def begins(self, day: int) -> datetime | None:
        """The instant at which a business day begins, None for the day that never comes."""
        return None if day == NEVER else self._midnight_of(day)

    def _midnight(self, day: int) -> datetime:
        local = datetime.combine(date.fromordinal(day), datetime.min.time(), self._zone)
        instant = local.astimezone(UTC)
        # a zone that skips midnight begins its day later: go to the first instant of the day
        while self.day_of(instant) < day:
            instant += timedelta(minutes=15)
        return instant
