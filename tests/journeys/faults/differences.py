"""How two collections differ, in words; nothing is yielded when they don't."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any


def differ(what: str, expected: Iterable[Hashable], found: Iterable[Hashable]) -> Iterator[str]:
    expected, found = set(expected), set(found)
    yield from (f"{what}: lost {one}" for one in sorted(expected - found, key=str))
    yield from (f"{what}: not expected {one}" for one in sorted(found - expected, key=str))


def unequal(what: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> Iterator[str]:
    for name in sorted(expected.keys() | found.keys(), key=str):
        if expected.get(name) != found.get(name):
            yield f"{what} {name}:\n  expected {expected.get(name)}\n  found    {found.get(name)}"
