"""Whom a change of the policy concerns."""

from collections.abc import Mapping
from typing import NamedTuple

from careline_profile.model import LinkRules, Ref
from careline_profile.record.policy import FieldPolicy
from careline_profile.record.rules.fold import FieldRules

PolicyInWords = Mapping[str, Mapping[str, str] | list[str] | int]
UNKNOWN: PolicyInWords = {}
"""Some were decided by one policy and some by another."""


class Concerned(NamedTuple):
    """Who is to be decided again."""

    everyone: bool
    """Who has a link: how identities of a kind link, or how many may, has changed."""
    refs: frozenset[Ref]
    """Values that are blocked or shared now, or are no more."""
    fields: frozenset[str]
    """What others may know of these has changed."""


def in_words(links: LinkRules, fields: FieldRules) -> PolicyInWords:
    """What of the policy decides about customers, as it is kept to be compared."""
    values = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in links._asdict().items()
    }
    shares = {name: _told(field, fields) for name, field in fields.declared.items()}
    return {**values, "shares": shares}


def _told(field: FieldPolicy, fields: FieldRules) -> str:
    """What others may know of a field, and which of its values that is."""
    match field.shares, field.merge:
        case "nothing", _:
            return "nothing"
        case shares, "most_trusted":
            return f"{shares}, {' '.join(('most_trusted', *fields.trusted_sources))}"
        case shares, merge:
            return f"{shares}, {merge}"


def concerned(before: PolicyInWords, now: PolicyInWords) -> Concerned:
    """Whom the difference of two policies concerns; before `UNKNOWN`, everybody."""
    values = ("blocked", "shared")
    by_value = [_set(before, name) ^ _set(now, name) for name in values]
    others = now.keys() - {*values, "shares"}
    return Concerned(
        any(before.get(name) != now[name] for name in others),
        frozenset().union(*by_value),
        frozenset(name for name, _ in _shares(before) ^ _shares(now)),
    )


def _set(policy: PolicyInWords, name: str) -> frozenset[str]:
    found = policy.get(name, [])
    assert isinstance(found, list)
    return frozenset(found)


def _shares(policy: PolicyInWords) -> set[tuple[str, str]]:
    found = policy.get("shares", {})
    assert isinstance(found, Mapping)
    return set(found.items())
