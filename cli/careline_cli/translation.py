"""From a row to touchpoints, as a mapping says: pure, and every refusal has its reason.

The mapping is turned into functions once, so that a row costs some 30 µs.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from pydantic import AwareDatetime, ValidationError

from careline_cli.conversions import (
    instant_reader,
    to_decimal,
    to_minor_units,
    to_seconds,
    to_whole_number,
    to_yes_or_no,
)
from careline_cli.mapping import (
    EVENT_TYPES,
    TEMPLATE_COLUMN,
    Condition,
    EventMapping,
    IdentityValue,
    Mapping,
    Source,
    Value,
    field_kind,
)
from careline_cli.outgoing import Outgoing
from careline_cli.rows import Cells, Row
from careline_contracts.envelope import to_text
from careline_runtime.batch import in_words

T = TypeVar("T")
Read = Callable[[Cells], T]


class Refused(NamedTuple):
    """A row, or one event of it, that did not become a touchpoint."""

    line: int
    code: str
    reason: str
    text: str


class Translation:
    """What a mapping makes of the rows of one source."""

    def __init__(self, mapping: Mapping, *, source: str) -> None:
        self._source = source
        self._events = [
            _EventTranslation(event, mapping, number)
            for number, event in enumerate(mapping.events, 1)
        ]

    def touchpoints(self, row: Row) -> Iterator[Outgoing | Refused]:
        """The events of one row: none, if no event's conditions hold in it."""
        if row.flaw:
            yield Refused(row.line, "unreadable_row", row.flaw, row.text)
            return
        for event in self._events:
            try:
                if not event.applies(row.cells):
                    continue
                yield event.touchpoint(row, self._source)
            except ValidationError as error:
                yield self._refused(row, "invalid_data", event, in_words(error))
            except ValueError as error:
                yield self._refused(row, "unmappable_value", event, str(error))

    def _refused(self, row: Row, code: str, event: "_EventTranslation", words: str) -> Refused:
        reason = words if len(self._events) == 1 else f"{event.type}: {words}"
        return Refused(row.line, code, reason, row.text)


class _EventTranslation:
    """One entry under `events`, turned into functions."""

    def __init__(self, event: EventMapping, mapping: Mapping, number: int) -> None:
        self.type = event.type
        self._model = EVENT_TYPES[event.type]
        self._conditions = [_condition(condition, mapping) for condition in event.when]
        self._identities = [
            (identity.kind, _identity(identity, mapping)) for identity in event.identities
        ]
        self._fields = [
            (name, _field(name, value, event, mapping)) for name, value in event.fields.items()
        ]
        self._time_columns = event.time.column
        self._blanks = mapping.blanks
        self._instant = _named(
            " and ".join(event.time.column),
            instant_reader(event.time.format, mapping.zone, event.time.at),
        )
        self._id = _template(event.id, self._blanks) if event.id else None
        # The first event of a row has the line as its id, the others the line and their number:
        # an event added at the end of a mapping leaves the ids of the others as they are.
        self._suffix = "" if number == 1 else f".{number}"

    def applies(self, cells: Cells) -> bool:
        return all(holds(cells) for holds in self._conditions)

    def touchpoint(self, row: Row, source: str) -> Outgoing:
        cells = row.cells
        data: dict[str, Any] = {
            "identities": [
                {"kind": kind, "value": value}
                for kind, read in self._identities
                if (value := read(cells))
            ]
        }
        if not data["identities"]:
            raise ValueError("no identity: all its columns are empty")
        for name, read_field in self._fields:
            value = read_field(cells)
            if value is not None:
                data[name] = value
        encoded = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        self._model.parse(encoded)
        return Outgoing(
            id=self._identify(row),
            source=source,
            type=self.type,
            occurred_at=self._instant(self._time_text(cells)),
            data=encoded,
            line=row.line,
            text=row.text,
        )

    def _identify(self, row: Row) -> str:
        if self._id is None:
            return f"{row.line}{self._suffix}"
        id = self._id(row.cells)
        if not 0 < len(id) <= 255:
            raise ValueError("the id is empty or longer than 255 characters")
        return id

    def _time_text(self, cells: Cells) -> str:
        texts = [cells[column] for column in self._time_columns]
        if any(text in self._blanks for text in texts):
            raise ValueError(f"no time: column {' or '.join(self._time_columns)} is empty")
        return " ".join(texts)


def _condition(condition: Condition, mapping: Mapping) -> Read[bool]:
    column, blanks = condition.column, mapping.blanks

    def holds(cells: Cells) -> bool:
        text = cells[column]
        is_present = text not in blanks
        if condition.present is not None and is_present is not condition.present:
            return False
        if condition.is_ is not None and text not in condition.is_:
            return False
        if condition.is_not is not None and text in condition.is_not:
            return False
        if condition.above is None and condition.below is None:
            return True
        if not is_present:
            return False
        number = _named(column, to_decimal)(text)
        return (condition.above is None or number > condition.above) and (
            condition.below is None or number < condition.below
        )

    return holds


def _identity(identity: IdentityValue, mapping: Mapping) -> Read[str]:
    read = _source_text(identity, mapping)
    return lambda cells: read(cells).strip(identity.strip or None)


def _field(name: str, value: Value, event: EventMapping, mapping: Mapping) -> Read[Any]:
    """The field's value in a row; None leaves it out."""
    if value.constant is not None:
        return lambda cells: value.constant
    read = _source_text(value, mapping)
    convert = _named(value.column or value.template or "", _conversion(name, value, event, mapping))
    is_required = EVENT_TYPES[event.type].model_fields[name].is_required()
    where = " or ".join(value.columns)

    def field(cells: Cells) -> Any:
        text = read(cells)
        if value.map is not None and text in value.map:
            return value.map[text]
        if value.default is not None and (not text or value.map is not None):
            return value.default
        if not text:
            if is_required:
                raise ValueError(f"column {where} is empty, and {name} is needed")
            return None
        if value.map is not None:
            raise ValueError(f"column {where}: {text!r} is not in the map of {name}")
        return convert(text)

    return field


def _conversion(
    name: str, value: Value, event: EventMapping, mapping: Mapping
) -> Callable[[str], Any]:
    """From the text to the type of the contract's field."""
    kind = field_kind(EVENT_TYPES[event.type], name)
    if kind is bool:
        return to_yes_or_no
    if kind is int:
        return lambda text: _number(_digits(text, value), value)
    if kind is AwareDatetime:
        instant = instant_reader(value.format or event.time.format, mapping.zone, event.time.at)
        return lambda text: to_text(instant(text))
    return lambda text: text.strip(value.strip or None)


def _number(text: str, value: Value) -> int:
    if value.money:
        return to_minor_units(text, value.money)
    return to_seconds(text, value.unit) if value.unit else to_whole_number(text)


def _digits(text: str, value: Value) -> str:
    """The number without what its writer put around and into it."""
    digits = text.strip(value.strip or None)
    if value.thousands:
        digits = digits.replace(value.thousands, "")
    if value.decimal != ".":
        digits = digits.replace(value.decimal, ".")
    return digits.lstrip("-") if value.absolute else digits


def _source_text(source: Source, mapping: Mapping) -> Read[str]:
    """The text in a row; empty where a column is."""
    blanks = mapping.blanks
    if source.column is None:
        return _template(source.template or "", blanks)
    column = source.column

    def text(cells: Cells) -> str:
        found = cells[column]
        return "" if found in blanks else found

    return text


def _template(template: str, blanks: frozenset[str]) -> Read[str]:
    """The template filled in; empty where one of its columns is."""
    pieces = TEMPLATE_COLUMN.split(template)  # text, column, text, column, …, text

    def text(cells: Cells) -> str:
        filled = list(pieces)
        for place in range(1, len(pieces), 2):
            found = cells[pieces[place]]
            if found in blanks:
                return ""
            filled[place] = found
        return "".join(filled)

    return text


def _named(where: str, convert: Callable[[str], T]) -> Callable[[str], T]:
    """`convert`, whose errors say which column they are about."""

    def converted(text: str) -> T:
        try:
            return convert(text)
        except ValueError as error:
            raise ValueError(f"column {where}: {error}") from None

    return converted
