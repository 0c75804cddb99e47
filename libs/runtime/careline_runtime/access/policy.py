"""The form of the access policy: which role may do what."""

from importlib.resources import files
from typing import Literal

from careline_runtime.policy import Loaded, Policy, parse_policy
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
    "policies.publish",
    "audit.read",
    "codes.reset",
]
Role = Literal["agent", "account_manager", "supervisor", "ops", "auditor", "admin"]


class AccessPolicy(Policy):
    """The access policy's file."""

    version: str
    anonymous: frozenset[Permission]
    """What needs no token where `CARELINE_ANONYMOUS=accept`."""
    roles: dict[Role, frozenset[Permission]]

    def allows(self, roles: frozenset[str], permission: Permission) -> bool:
        """Whether one of `roles` has the permission; roles that the file doesn't know have none."""
        return any(permission in may for role, may in self.roles.items() if role in roles)


def load_access_policy(settings: ServiceSettings) -> Loaded[AccessPolicy]:
    """`$CARELINE_POLICIES/access.yaml`, or the one beside this module."""
    override = settings.policies / "access.yaml" if settings.policies else None
    if override is not None and override.is_file():
        return parse_policy(AccessPolicy, override.read_text("utf-8"), path=str(override))
    text = files(__package__).joinpath("policy.yaml").read_text("utf-8")
    return parse_policy(AccessPolicy, text, path="careline_runtime/access/policy.yaml")
