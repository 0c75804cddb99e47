"""Besides a move: whose customer it is, how to treat them, in which words (CARE-4, CARE-7)."""

from collections.abc import Sequence
from typing import NamedTuple

from careline_contracts.events.scoring import Handling
from careline_engagement.model import Family
from careline_engagement.policy import Playbook
from careline_engagement.policy.money import Money
from careline_engagement.policy.scripts import Rendered
from careline_engagement.policy.steps import OutreachStep, Task
from careline_engagement.rules import Book, News
from careline_engagement.rules.handling import handling_of
from careline_engagement.rules.owners import owner_of


class Context(NamedTuple):
    """What is said besides the move: who is in charge, and of an outreach its words."""

    manager: str | None
    """The account manager, or whoever stands in."""
    handling: Sequence[Handling]
    """Special care (TAG-4)."""
    script: str | None
    words: Rendered | None
    money: Money
    """In what offers are counted."""


def context_of(news: News, family: Family, playbook: Playbook, book: Book) -> Context:
    """Who looks after the customer, and what is said to them, in their language."""
    at, number = news.move.at, news.case.number
    manager, handling = owner_of(family, number, at), handling_of(family, number, at)
    money = book.at(at).policy.money
    step = playbook.by_name.get(news.move.subject)
    name = step.script if isinstance(step, OutreachStep | Task) else None
    if name is None or news.move.kind not in ("sent", "begun"):
        return Context(manager, handling, None, None, money)
    variables = {
        "name": "$name",
        "tier": news.case.tier or "",
        "key": news.case.key,
        "reason": news.case.reasons[-1] if news.case.reasons else "",
        "product": next(iter(family.tag(number, "product", at)), ""),
        "manager": manager or "",
    }
    script = book.script(name, at)
    language = family.attribute(number, "language", at)
    slowly = "slow_script" in handling
    words = script.render(language, variables, slowly=slowly) if script else None
    return Context(manager, handling, name, words, money)
