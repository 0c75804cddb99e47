"""The form of a customer number in an address."""

from typing import Annotated

from fastapi import Path

Number = Annotated[str, Path(pattern="^C[0-9A-HJKMNP-TV-Z]{12}$", description="Customer number")]
