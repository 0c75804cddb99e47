"""A customer number in an address: its form, and the answer where nobody has it."""

from typing import Annotated

from fastapi import HTTPException, Path

Number = Annotated[str, Path(pattern="^C[0-9A-HJKMNP-TV-Z]{12}$", description="Customer number")]


def no_customer(number: str) -> HTTPException:
    """Nobody has this number, nor had it before a merge."""
    return HTTPException(404, f"no customer has the number {number}")
