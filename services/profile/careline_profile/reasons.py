"""Why somebody looks at a customer's data or changes them: kept with what they did."""

from typing import Annotated

from pydantic import BaseModel, StringConstraints

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=5, max_length=500)]


class Given(BaseModel):
    """Why something is done."""

    reason: Reason
    """Kept in the audit."""
