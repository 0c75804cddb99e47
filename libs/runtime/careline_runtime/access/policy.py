"""The form of the access policy: which role may do what, and sees which field how."""

from importlib.resources import files
from typing import Literal

from pydantic import PositiveInt, model_validator

from careline_runtime.policy import Loaded, Policy, parse_policy, read_policy
from careline_runtime.settings import ServiceSettings

Permission = Literal[
    "customers.read",
    "customers.edit",
    "customers.export",
    "customers.erase",
    "fields.read",
    "reviews.decide",
    "scores.read",
    "cases.read",
    "cases.work",
    "cases.approve",
    "tickets.read",
    "tickets.work",
    "agents.manage",
    "policies.publish",
    "audit.read",
    "codes.reset",
    "access.withdraw",
]
Role = Literal["agent", "account_manager", "supervisor", "ops", "auditor", "admin"]


View = Literal["clear", "masked", "hidden"]
OTHER = "other"
"""The rule of every protected field that has none of its own."""


class FieldRule(Policy):
    """Who sees a protected field; whoever is in neither list sees nothing of it."""

    clear: frozenset[Role] = frozenset()
    masked: frozenset[Role] = frozenset()
    needs_code: bool = False
    """Whether it is clear with a one-time code only, and masked without."""


class CodePolicy(Policy):
    """How long one may guess at one-time codes."""

    attempts: PositiveInt
    locked_minutes: PositiveInt


class TokenPolicy(Policy):
    """Which tokens of the issuer are taken."""

    longest_hours: PositiveInt


class AccessPolicy(Policy):
    """The access policy's file."""

    version: str
    anonymous: frozenset[Permission]
    """What needs no token where `CARELINE_ANONYMOUS=accept`."""
    roles: dict[Role, frozenset[Permission]]
    fields: dict[str, FieldRule]
    codes: CodePolicy
    tokens: TokenPolicy

    @model_validator(mode="after")
    def _has_a_rule_for_what_it_does_not_name(self) -> "AccessPolicy":
        if OTHER not in self.fields:
            raise ValueError(f"fields: {OTHER} is missing, the rule of all that have none")
        return self

    def allows(self, roles: frozenset[str], permission: Permission) -> bool:
        """Whether one of `roles` has the permission; roles that the file doesn't know have none."""
        return any(permission in may for role, may in self.roles.items() if role in roles)

    def rule(self, field: str) -> FieldRule:
        """The rule of a protected field."""
        return self.fields.get(field, self.fields[OTHER])

    def view(self, field: str, roles: frozenset[str], *, has_code: bool) -> View:
        """How somebody with these roles sees a protected field."""
        rule = self.rule(field)
        if roles & rule.clear:
            return "clear" if has_code or not rule.needs_code else "masked"
        return "masked" if roles & rule.masked else "hidden"


def load_access_policy(settings: ServiceSettings) -> Loaded[AccessPolicy]:
    """`$CARELINE_POLICIES/access.yaml`, or the one beside this module."""
    override = settings.policies / "access.yaml" if settings.policies else None
    if override is not None and override.is_file():
        return read_policy(AccessPolicy, override)
    text = files(__package__).joinpath("policy.yaml").read_text("utf-8")
    return parse_policy(AccessPolicy, text, path="careline_runtime/access/policy.yaml")
