"""What differs between two policies, number by number, with the reason that stands beside it.

Compared is what the policies say, not how they are written: order of names, notation of numbers
and comments don't count. An entry of a list is named by what names it (a measure, a step), so that
one that is added moves no others.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

NAMING = ("measure", "tag", "step", "name", "at_least", "from")
"""Fields that tell the entries of a list apart, the best first."""


class Leaf(NamedTuple):
    """One thing that a policy says."""

    value: Any
    line: int
    reason: str


class Difference(NamedTuple):
    """What one policy says otherwise than the other; None where it says nothing there."""

    path: str
    before: Any
    after: Any
    line: int | None
    """In the later policy."""
    reason: str
    """The comment beside it there."""


def differences(former: str, later: str) -> list[Difference]:
    """In the order of the later policy, then what is gone."""
    before, after = leaves(former), leaves(later)
    changed = [
        Difference(path, before[path].value if path in before else None, *leaf)
        for path, leaf in after.items()
        if path not in before or before[path].value != leaf.value
    ]
    gone = [
        Difference(path, leaf.value, None, None, "")
        for path, leaf in before.items()
        if path not in after
    ]
    return changed + gone


def leaves(text: str) -> dict[str, Leaf]:
    """All that a policy says, by path."""
    return dict(_walk("", yaml.compose(text, Loader=yaml.SafeLoader), text.splitlines()))


def _walk(path: str, node: yaml.Node | None, lines: list[str]) -> Iterator[tuple[str, Leaf]]:
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                yield from _walk(f"{path}.{key.value}" if path else key.value, value, lines)
        case yaml.SequenceNode():
            naming = _naming(node)
            for index, entry in enumerate(node.value):
                yield from _walk(f"{path}[{_name(entry, index, naming)}]", entry, lines)
        case yaml.ScalarNode():
            value = yaml.SafeLoader("").construct_object(node)
            yield path, Leaf(value, node.start_mark.line + 1, _comment(node, lines))


def _naming(node: yaml.SequenceNode) -> str:
    """The field that every entry has, each with another value; empty if there is none."""
    for field in NAMING:
        names = [_field(entry, field) for entry in node.value]
        if None not in names and len(set(names)) == len(names):
            return field
    return ""


def _name(entry: yaml.Node, index: int, naming: str) -> str:
    if isinstance(entry, yaml.ScalarNode):
        return str(entry.value)
    return str(_field(entry, naming)) if naming else str(index)


def _field(entry: yaml.Node, name: str) -> str | None:
    if not isinstance(entry, yaml.MappingNode):
        return None
    return next((str(value.value) for key, value in entry.value if key.value == name), None)


def _comment(node: yaml.Node, lines: list[str]) -> str:
    """What stands behind a value on its line, else in the lines above it."""
    beside = re.search(r"(?:^|\s)#\s*(.*)", lines[node.end_mark.line][node.end_mark.column :])
    if beside:
        return beside.group(1).strip()
    above: list[str] = []
    for line in reversed(lines[: node.start_mark.line]):
        if not line.strip().startswith("#"):
            break
        above.insert(0, line.strip().removeprefix("#").strip())
    return " ".join(above)
