"""The form of profile's policy: which kinds of identity link customers, and which values never."""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal, get_args

from pydantic import PositiveInt, StringConstraints, model_validator

from careline_contracts.events.touchpoints import IdentityKind
from careline_profile.model import LinkRules, Ref
from careline_profile.quality.policy import QualityPolicy
from careline_profile.record.policy import RecordPolicy
from careline_runtime.identities import normalise
from careline_runtime.keyring import Keyring
from careline_runtime.policy import Policy

Value = Annotated[str, StringConstraints(min_length=1, max_length=254)]


class KindPolicy(Policy):
    """How one kind of identity behaves."""

    strength: Literal["strong", "weak"]
    single_valued: bool = False
    """A customer has at most one; two stop a merge and ask a person."""
    blocked: tuple[Value, ...] = ()
    """Placeholders, as a person would type them: no identity at all."""
    shared: tuple[Value, ...] = ()
    """Values of many people (a switchboard, a shop's own phone): as good as weak."""


class TimelinePolicy(Policy):
    """What of the timeline is kept."""

    kept_days: PositiveInt


class ProfilePolicy(Policy):
    """Profile's policy file."""

    version: str
    max_identities: PositiveInt
    max_links_per_value: PositiveInt
    max_tangle: PositiveInt
    identities: dict[IdentityKind, KindPolicy]
    record: RecordPolicy
    timeline: TimelinePolicy
    quality: QualityPolicy

    @model_validator(mode="after")
    def _is_complete_and_readable(self) -> "ProfilePolicy":
        missing = set(get_args(IdentityKind)) - set(self.identities)
        if missing:
            raise ValueError(f"kinds without a rule: {', '.join(sorted(missing))}")
        for kind, rule in self.identities.items():
            for value in (*rule.blocked, *rule.shared):
                try:
                    normalise(kind, value)
                except ValueError as error:
                    raise ValueError(f"{kind} {value!r} can never arrive: {error}") from error
        return self

    def link_rules(self, keyring: Keyring) -> LinkRules:
        """The rules, with blocked values as the tokens that events carry."""
        kinds = self.identities.items()

        def tokens(values: Callable[[KindPolicy], Iterable[str]]) -> frozenset[Ref]:
            return frozenset(
                keyring.reference(kind, normalise(kind, value))
                for kind, rule in kinds
                for value in values(rule)
            )

        return LinkRules(
            weak_kinds=frozenset(kind for kind, rule in kinds if rule.strength == "weak"),
            single_valued_kinds=frozenset(kind for kind, rule in kinds if rule.single_valued),
            blocked=tokens(lambda rule: rule.blocked),
            shared=tokens(lambda rule: rule.shared),
            max_identities=self.max_identities,
            max_links_per_value=self.max_links_per_value,
            max_tangle=self.max_tangle,
        )
