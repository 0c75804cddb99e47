"""Who calls, and what they may: bearer tokens, roles and permissions for every service's API.

A route asks for a permission with `caller: Annotated[Caller, requires("customers.erase")]`. Roles
and what they may are `policy.yaml` here (or `$CARELINE_POLICIES/access.yaml`); whose tokens count
are settings. docs/decisions/0010-who-may-see-what.md says why it is so.
"""

from careline_runtime.access.callers import Access, requires
from careline_runtime.access.tokens import Caller

__all__ = ["Access", "Caller", "requires"]
