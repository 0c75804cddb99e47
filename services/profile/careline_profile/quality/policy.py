"""The form of the quality policy: what is aimed at, and what counts as nearly the same."""

from typing import Annotated

from pydantic import Field

from careline_runtime.policy import Policy


class QualityPolicy(Policy):
    """How records are judged."""

    accuracy_target: Annotated[float, Field(gt=0, le=1)]
    least_similarity: Annotated[int, Field(ge=50, le=100)]
    """Of two contacts, from 0 to 100, for two customers of one name to be proposed as one."""
