"""TAG-1 value, TAG-2 need, TAG-3 risk: which tag a customer carries on a day, and until when."""

from bisect import bisect_right

from careline_contracts.events.scoring import Need, Risk, Value
from careline_scoring.model import AMOUNT_SCALE, EMPTY, NEVER, History, Verdict
from careline_scoring.policy.tags import Tags
from careline_scoring.rules.curves import hundredths
from careline_scoring.rules.held import best_of_held_days

LEVELS: tuple[Risk, ...] = ("low", "medium", "high")
VALUES: tuple[Value, ...] = ("normal", "potential", "high")


class TagRules:
    """The three tags by one policy."""

    def __init__(self, tags: Tags) -> None:
        self._high = hundredths(tags.value.high_at_least)
        self._potential = hundredths(tags.value.potential_at_least)
        self._silent = tags.need.dormant.silent_days
        self.value_hold = tags.value.hold_days
        self.risk_hold = tags.risk.hold_days
        self._active_window = tags.need.active.window_days
        self._active_at_least = tags.need.active.at_least
        self._latent_window = tags.need.latent.window_days
        self._fall = tags.risk.spend_fall
        self._fall_minimum = tags.risk.spend_fall.minimum_previous_minor * AMOUNT_SCALE
        self._window = self._fall.window_days
        self._complaints = tags.risk.complaints
        self._complaint_window = self._complaints.window_days

    def value(self, total: int) -> Value:
        """TAG-1 of a total in hundredths."""
        if total >= self._high:
            return "high"
        return "potential" if total >= self._potential else "normal"

    def need(self, history: History, day: int) -> Verdict[Need]:
        """TAG-2. Silence beats enquiries, enquiries beat interest.

        Silence is counted from the last contact; without any, from the first fact.
        """
        last = history.series.get("contact", EMPTY).last_day(day)
        silent_day = (history.first_day if last is None else last) + self._silent
        if day >= silent_day:
            return Verdict("dormant", NEVER)
        enquiries = history.series.get("enquiry", EMPTY)
        start = bisect_right(enquiries.days, day - self._active_window)
        end = bisect_right(enquiries.days, day)
        spare = enquiries.counts[end] - enquiries.counts[start] - self._active_at_least
        if spare >= 0:
            # the first day to leave that takes more than can be spared
            index = bisect_right(enquiries.counts, enquiries.counts[start] + spare, start, end + 1)
            cooled_day = enquiries.days[index - 1] + self._active_window
            return Verdict("active", min(cooled_day, silent_day))
        window = self._latent_window
        interested = history.series.get("interest", EMPTY).last_day(day)
        if interested is None or interested <= day - window:
            return Verdict("none", silent_day)
        bought = history.series.get("purchase", EMPTY).last_day(day)
        if bought is None or bought <= day - window:
            return Verdict("latent", min(interested + window, silent_day))
        becomes_latent = bought + window if interested > bought else NEVER
        return Verdict("none", min(becomes_latent, silent_day))

    def risk(self, history: History, day: int) -> Verdict[Risk]:
        """TAG-3: the worse of fallen spend and complaints, by default of today alone."""
        if self.risk_hold == 1:
            return self.risk_of_today(history, day)
        history = history if day >= history.last_day else history.until(day)
        known = sorted({*history.money.days, *history.series.get("complaint", EMPTY).days})

        def look(on: int) -> tuple[int, int]:
            name, change_day = self.risk_of_today(history, on)
            return LEVELS.index(name), min([change_day, *known[bisect_right(known, on) :][:1]])

        rank, change_day = best_of_held_days(look, day, hold_days=self.risk_hold, lowest=0)
        return Verdict(LEVELS[rank], change_day)

    def risk_of_today(self, history: History, day: int) -> Verdict[Risk]:
        """What the signs of one day say, without holding."""
        amounts, days, window = history.money.amounts, history.money.days, self._window
        end = bisect_right(days, day)
        recent = bisect_right(days, day - window, 0, end)  # first bucket of the present period
        former = bisect_right(days, day - 2 * window, 0, end)  # … of the period before
        complaints = history.series.get("complaint", EMPTY)
        counts, raised = complaints.counts, complaints.days
        last = bisect_right(raised, day)
        first = bisect_right(raised, day - self._complaint_window, 0, last)
        complained = self.complaint_level(counts[last] - counts[first])
        present, next_day = -1, day
        while True:
            before, now = amounts[recent] - amounts[former], amounts[end] - amounts[recent]
            fallen = 0 if before < self._fall_minimum else self.fall_level(before, now)
            level = fallen if fallen > complained else complained
            if present < 0:
                present = level
            elif level != present:
                return Verdict(LEVELS[present], next_day)
            recent_leaves = days[recent] + window if recent < end else NEVER
            former_leaves = days[former] + 2 * window if former < end else NEVER
            next_day = recent_leaves if recent_leaves < former_leaves else former_leaves
            if first < last:
                complaint_leaves = raised[first] + self._complaint_window
                if complaint_leaves <= next_day:
                    next_day = complaint_leaves
                    first += 1
                    complained = self.complaint_level(counts[last] - counts[first])
            elif next_day == NEVER:
                return Verdict(LEVELS[present], NEVER)
            recent += recent_leaves == next_day
            former += former_leaves == next_day

    def spends(self, history: History, day: int) -> tuple[int, int]:
        """Spend of the previous period and of the present one, as TAG-3 compares them."""
        money, window = history.money, self._window
        return (
            money.amount(day - 2 * window, day - window),
            money.amount(day - window, day),
        )

    def complaints(self, history: History, day: int) -> int:
        """Complaints within TAG-3's window."""
        series = history.series.get("complaint", EMPTY)
        return series.count(day - self._complaint_window, day)

    def fall_level(self, before: int, now: int) -> int:
        """How bad a fall of spend is, as an index of `LEVELS`."""
        if before < self._fall_minimum:
            return 0
        fall = 100 * (before - now)
        if fall >= self._fall.high_percent * before:
            return 2
        return 1 if fall >= self._fall.medium_percent * before else 0

    def complaint_level(self, count: int) -> int:
        """How bad so many complaints are, as an index of `LEVELS`."""
        if count >= self._complaints.high_at_least:
            return 2
        return 1 if count >= self._complaints.medium_at_least else 0
