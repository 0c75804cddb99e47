"""Whether a changed schema may keep its version: what older events, senders or readers trip over.

Refused within a version: a field that goes away, a field that becomes required (older senders
leave it out) or stops being so (readers count on it), anything narrowed (type, values, limits),
a default that changes (an absent field would change its meaning), a keyword this module doesn't
know. Allowed: new optional fields, new values, wider limits; readers are upgraded before senders.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]

ANNOTATIONS = {"$schema", "$defs", "title", "description", "examples", "default", "x-personal"}
LOWER_LIMITS = {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
UPPER_LIMITS = {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
COMPARED = {"type", "enum", "const", "properties", "required", "items", "anyOf", "$ref"} | {
    "additionalProperties",
    "propertyNames",
}


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """What breaks between two schemas of one type and version, in words; empty if nothing does."""
    return list(_Comparison(old.get("$defs", {}), new.get("$defs", {})).compare("", old, new))


class _Comparison:
    """Walks both schemas together, each with its own definitions."""

    def __init__(self, old_definitions: Schema, new_definitions: Schema) -> None:
        self.old_definitions = old_definitions
        self.new_definitions = new_definitions

    def compare(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        alternatives = _alternatives(new, self.new_definitions)
        for was in _alternatives(old, self.old_definitions):
            fitting = [now for now in alternatives if _takes(was, now)]
            if not fitting:
                yield f"{where or 'the event'}: {_name(was)} is no longer allowed"
            else:
                yield from min((list(self._narrowed(where, was, now)) for now in fitting), key=len)

    def _narrowed(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        yield from _lost_values(where, old, new)
        yield from _tighter_limits(where, old, new)
        yield from self._changed_fields(where, old, new)
        for keyword, place in (
            ("items", f"{where}[]"),
            ("propertyNames", f"names in {where}"),
            ("additionalProperties", f"{where}.*"),
        ):
            yield from self._nested(place, old.get(keyword, True), new.get(keyword, True))

    def _nested(self, where: str, old: Schema | bool, new: Schema | bool) -> Iterator[str]:
        if new is False and old is not False:
            yield f"{where}: no longer allowed"
        elif isinstance(new, dict) and old is not False:
            yield from self.compare(where, old if isinstance(old, dict) else {}, new)

    def _changed_fields(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
        old_required, new_required = set(old.get("required", ())), set(new.get("required", ()))
        prefix = f"{where}." if where else ""
        for name in old_fields:
            if name not in new_fields:
                yield f"{prefix}{name}: the field is gone"
        for name in new_fields:
            place = f"{prefix}{name}"
            if name not in old_fields:
                if name in new_required:
                    yield f"{place}: a new field cannot be required"
                continue
            if name in new_required - old_required:
                yield f"{place}: the field became required"
            if name in old_required - new_required:
                yield f"{place}: the field may now be absent"
            elif old_fields[name].get("default") != new_fields[name].get("default"):
                yield f"{place}: the default changed, and with it what an absent field means"
            yield from self.compare(place, old_fields[name], new_fields[name])


def _alternatives(schema: Schema, definitions: Schema) -> list[Schema]:
    """The schema's `anyOf` branches (itself, if it has none), with references followed."""
    if "$ref" in schema:
        return _alternatives(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return [one for branch in schema["anyOf"] for one in _alternatives(branch, definitions)]
    return [schema]


def _takes(old: Schema, new: Schema) -> bool:
    """Whether a value of the old branch's type has the new branch's type."""
    types = (old.get("type"), new.get("type"))
    return new.get("type") is None or types[0] == types[1] or types == ("integer", "number")


def _name(schema: Schema) -> str:
    return str(schema.get("type", "any value"))


def _lost_values(where: str, old: Schema, new: Schema) -> Iterator[str]:
    new_values = _values(new)
    if new_values is None:
        return
    old_values = _values(old)
    if old_values is None:
        yield f"{where}: only {', '.join(map(str, new_values))} are allowed now"
        return
    for value in old_values:
        if value not in new_values:
            yield f"{where}: the value {value!r} is no longer allowed"


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _tighter_limits(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for keyword, limit in new.items():
        before = old.get(keyword)
        if keyword in LOWER_LIMITS:
            tighter = before is None or limit > before
        elif keyword in UPPER_LIMITS:
            tighter = before is None or limit < before
        else:
            tighter = keyword not in COMPARED | ANNOTATIONS and limit != before
        if tighter:
            yield f"{where}: {keyword} went from {'none' if before is None else before} to {limit}"
