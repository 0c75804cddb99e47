"""The currency in which offers and their limits are counted."""

from typing import Annotated

from pydantic import Field

from careline_engagement.policy.words import Part


class Money(Part):
    """All amounts of a policy, and of the offers that are held against it, are in it."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "CNY"
    minor_digits: Annotated[int, Field(ge=0, le=4)] = 2
    """A unit has ten to this power minor units."""

    def written(self, minor: int) -> str:
        """An amount as people read it."""
        whole, rest = divmod(minor, 10**self.minor_digits)
        fraction = f".{rest:0{self.minor_digits}d}" if self.minor_digits else ""
        return f"{whole:,}{fraction} {self.currency}"
