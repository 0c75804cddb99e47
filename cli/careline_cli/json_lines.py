"""A line of JSON into cells: each value as text, to the digit as the file has it.

A column is a place in the object: names and indexes with dots between (`items.0.sku`), or a JSON
pointer (`/items/0/sku`) where a name has a dot itself.
"""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

Steps = tuple[str, ...]

_NOTHING = object()


def steps(column: str) -> Steps:
    """The way to a column's value: RFC 6901 if it begins with a slash."""
    if column.startswith("/"):
        return tuple(step.replace("~1", "/").replace("~0", "~") for step in column[1:].split("/"))
    return tuple(column.split("."))


def read_line(text: str, places: Mapping[str, Steps]) -> dict[str, str]:
    """The columns that the line has; raises `ValueError` with words for the reject file.

    Numbers stay as they are written, booleans are `true` and `false`, null is empty.
    """
    try:
        document = json.loads(text, parse_int=str, parse_float=str, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON at character {error.pos + 1}: {error.msg}") from None
    except RecursionError:
        raise ValueError("not readable: nested too deep") from None
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    found = ((column, _value(document, way)) for column, way in places.items())
    return {column: _cell(column, value) for column, value in found if value is not _NOTHING}


def _value(document: Any, way: Steps) -> Any:
    for step in way:
        if isinstance(document, dict):
            document = document.get(step, _NOTHING)
        elif isinstance(document, list) and _is_index(step) and int(step) < len(document):
            document = document[int(step)]
        else:
            return _NOTHING
    return document


def _is_index(step: str) -> bool:
    return step.isascii() and step.isdigit() and len(step) < 10 and str(int(step)) == step


def _cell(column: str, value: Any) -> str:
    match value:
        case str():
            return value.strip()
        case bool():
            return "true" if value else "false"
        case None:
            return ""
    kind = "an object" if isinstance(value, dict) else "a list"
    raise ValueError(f"column {column} is {kind}, not a value")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"not JSON: {constant} is no number")
