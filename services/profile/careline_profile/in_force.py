"""The rules that decide, and by which policy: profile follows what is published while it runs.

docs/decisions/0027-what-was-said-is-read-by-the-policy-of-then.md says which policy decides what.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from careline_profile.model import LinkRules
from careline_profile.policy import ProfilePolicy
from careline_profile.record.rules.fold import FieldRules
from careline_runtime.keyring import Keyring


class Rules(NamedTuple):
    """What decides: who is one customer, what is on a record, and the keys of personal values."""

    links: LinkRules
    fields: FieldRules
    keyring: Keyring
    policy: ProfilePolicy

    @classmethod
    def of(cls, policy: ProfilePolicy, keyring: Keyring) -> "Rules":
        """The rules of this policy."""
        return cls(policy.link_rules(keyring), FieldRules.of(policy.record), keyring, policy)


InForce = Callable[[], Rules]
"""The rules in force now: whoever decides takes them once, and keeps them to the end."""
InForceAt = Callable[[datetime], Rules]
"""The rules in force at an instant."""
