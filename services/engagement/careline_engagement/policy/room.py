"""Whether the contact budget can ever have room for what a playbook asks (CARE-2).

Refused is what can never go out: a patience shorter than the night, and a second contact that has
given up before the first one leaves its cap.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import product
from typing import NamedTuple, get_args

from careline_contracts.events.scoring import Tier
from careline_engagement.policy.budget import BudgetPolicy, Cap
from careline_engagement.policy.playbook import Playbook
from careline_engagement.policy.steps import AnyStep, OutreachStep, Wait, WaitUntil

TIERS: tuple[Tier, ...] = get_args(Tier)
DAY = timedelta(days=1)


class Who(NamedTuple):
    """Whom a contact is for, as far as its channel depends on it."""

    tier: Tier
    at_once: bool


EVERYBODY = [Who(*one) for one in product(TIERS, (False, True))]


def misfits(playbook: Playbook, budget: BudgetPolicy) -> Iterator[tuple[int, str]]:
    """Outreach that the budget could never let pass, with the place of its step."""
    if budget.purposes[playbook.purpose].duty:
        return
    quiet = budget.quiet_hours.hours
    for n, step in enumerate(playbook.steps):
        if not isinstance(step, OutreachStep):
            continue
        if isinstance(step.channel, dict) and (
            missing := [tier for tier in TIERS if tier not in step.channel]
        ):
            yield n, f"no channel for {', '.join(missing)}"
        elif step.patience_hours < quiet:
            yield (
                n,
                f"step {step.step} waits {step.patience_hours} h for room, "
                f"the quiet hours last {quiet:g} h",
            )
        else:
            yield from ((n, reason) for reason in _crowded(step, playbook, budget))


def _crowded(last: OutreachStep, playbook: Playbook, budget: BudgetPolicy) -> Iterator[str]:
    """Whether those before it on every way fill a cap for longer than the step waits."""
    for who in EVERYBODY:
        for cap in budget.caps_on(last.channel_for(who.tier, at_once=who.at_once), who.tier):
            for first in playbook.steps:
                if not _uses(first, cap, who) or first is last:
                    continue
                latest = _latest(first, playbook, cap, who).get((last.step, cap.most))
                if latest is not None and latest + last.patience < cap.span:
                    yield (
                        f"step {last.step} never has room after {first.step}: "
                        f"{cap.most} in {cap.days} days, and it gives up within "
                        f"{(latest + last.patience) / timedelta(hours=1):g} h"
                    )
                    return


def _latest(
    first: AnyStep, playbook: Playbook, cap: Cap, who: Who
) -> Mapping[tuple[str, int], timedelta]:
    """After `first` went out, how late each step is asked for at most, by the contacts till then.

    A ticket that holds a case isn't counted on.
    """
    latest: dict[tuple[str, int], timedelta] = {}
    steps = playbook.steps[playbook.steps.index(first) + 1 :]
    if (below := playbook.below[first.step]) is not None:
        latest[below, 1] = timedelta(0)
    for step in steps:
        for sent in range(1, cap.most + 1):
            at = latest.get((step.step, sent))
            if at is None:
                continue
            for target, contacts, took in _ways(step, playbook, cap, who):
                place = target, sent + contacts
                latest[place] = max(latest.get(place, timedelta(0)), at + took)
    return latest


def _ways(
    step: AnyStep, playbook: Playbook, cap: Cap, who: Who
) -> Iterator[tuple[str, int, timedelta]]:
    """Where a step may lead, how many contacts of the cap it makes, and how long it may take."""
    below = playbook.below[step.step]
    took = _longest(step, playbook)
    if below is not None and step.falls_through:
        yield below, int(_uses(step, cap, who)), took
    others = step.successors or ((below,) if isinstance(step, OutreachStep) and below else ())
    for target in others:
        yield target, 0, took


def _longest(step: AnyStep, playbook: Playbook) -> timedelta:
    match step:
        case OutreachStep():
            return step.patience
        case Wait():
            return step.span
        case WaitUntil(local_time=None):
            return playbook.window  # a holiday may be long
        case WaitUntil():
            return DAY
        case _:
            return timedelta(0)


def _uses(step: AnyStep, cap: Cap, who: Who) -> bool:
    return (
        isinstance(step, OutreachStep)
        and cap.channel in (None, step.channel_for(who.tier, at_once=who.at_once))
        and (cap.tiers is None or who.tier in cap.tiers)
    )
