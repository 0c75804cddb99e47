"""The settings as a table to read: `python -m careline_runtime.settings_table docs/settings.md`.

It stands between two marks in that page, so that the rest of the page stays written by hand.
"""

import re
import sys
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from careline_runtime.settings import PER_SERVICE, ServiceSettings

BEGIN, END = "<!-- settings of a service -->", "<!-- end -->"


def settings_table() -> str:
    """Each variable that a service reads, its default and its meaning."""
    rows = "".join(_row(name, field) for name, field in ServiceSettings.model_fields.items())
    return f"| Variable | Default | Meaning |\n|---|---|---|\n{rows}"


def with_table(page: str) -> str:
    """`page` with the present table between its marks."""
    return re.sub(
        f"{re.escape(BEGIN)}.*?{re.escape(END)}",
        lambda _: f"{BEGIN}\n{settings_table()}{END}",
        page,
        flags=re.DOTALL,
    )


def _row(name: str, field: FieldInfo) -> str:
    variable = f"`{field.alias or name.upper()}`"
    if name in PER_SERVICE:
        variable = f"`{name.upper()}_<SERVICE>`, else {variable}"
    default = "" if field.default is None or not str(field.default) else f"`{field.default}`"
    if get_origin(field.annotation) is Literal:
        others = [f"`{v}`" for v in get_args(field.annotation) if v != field.default]
        default += f" (or {', '.join(others)})"
    return f"| {variable} | {default} | {' '.join((field.description or '').split())} |\n"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text("utf-8")), "utf-8")
