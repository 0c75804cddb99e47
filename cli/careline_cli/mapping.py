"""The mapping file: which columns of a file become which touchpoints, said without code.

One row gives one event per entry under `events` whose conditions hold. Everything that can be
checked without the file is checked when the mapping is read, with its line.
"""

import re
from datetime import time, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from careline_cli.conversions import DurationUnit
from careline_cli.rows import Format, Layout
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, ChannelEvent, IdentityKind
from careline_runtime.checked_yaml import read_checked

EVENT_TYPES = {event.type: event for event in CHANNEL_EVENTS}
TEMPLATE_COLUMN = re.compile(r"\{([^{}]+)\}")


def _as_text(value: Any) -> Any:
    """A file has only text; YAML reads some of it as numbers, and some as yes and no."""
    if isinstance(value, bool):
        raise ValueError("write it in quotes: YAML reads it as true or false")
    return str(value) if isinstance(value, int | float) else value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


Text = Annotated[str, BeforeValidator(_as_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_list)]


class Part(BaseModel):
    """Base of all parts of a mapping: a misspelt name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Condition(Part):
    """What must hold in a row; every given line of it."""

    column: str
    is_: Texts | None = Field(None, alias="is")
    is_not: Texts | None = None
    present: bool | None = None
    above: Decimal | None = None
    below: Decimal | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if len(self.model_fields_set) < 2:
            raise ValueError("a condition needs one of is, is_not, present, above, below")
        return self


class Source(Part):
    """Where a value comes from: one column, a template over columns, or always the same."""

    column: str | None = None
    template: str | None = None
    """Text with `{column}` in it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that this value is made of."""
        if self.column is not None:
            return (self.column,)
        return template_columns(self.template or "")

    @property
    def says_where(self) -> int:
        return sum(value is not None for value in (self.column, self.template))


class Value(Source):
    """A field's value."""

    constant: str | int | bool | None = None
    map: dict[Text, str | int | bool] | None = None
    """The value for each text of the column; any other text is the default, or refused."""
    default: str | int | bool | None = None
    """The value where the column is empty, or not in the map."""
    money: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    """Currency in which the column's amount is written."""
    unit: DurationUnit | None = None
    thousands: str = ""
    """What separates thousands in numbers, to be taken out."""
    decimal: str = "."
    strip: str = ""
    """Characters around the value, to be taken off."""
    absolute: bool = False
    """Take the sign off a number."""
    format: str | None = None
    """How an instant is written, if not as the event's time is."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.says_where + (self.constant is not None) != 1:
            raise ValueError("give one of column, template, constant")
        return self


class IdentityValue(Source):
    """An identity of the customer; left out where its column is empty."""

    kind: IdentityKind
    strip: str = ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if self.says_where != 1:
            raise ValueError("give one of column, template")
        return self


class Time(Part):
    """When it happened: one or several columns (joined by a space), and how they are written."""

    column: Annotated[tuple[str, ...], BeforeValidator(_as_list)]
    format: str
    """`iso`, `unix`, `unix_ms`, or strptime codes such as `%Y-%m-%d %H:%M`."""
    at: time | None = None
    """The time of day that a date stands for."""

    @field_validator("at", mode="before")
    @classmethod
    def _not_minutes(cls, at: Any) -> Any:
        # YAML 1.1 reads 12:00 as a number to the base of 60.
        if isinstance(at, int):
            raise ValueError('write it in quotes: "12:00"')
        return at

    @model_validator(mode="after")
    def _has_a_time_of_day(self) -> Self:
        has_time = self.format in {"iso", "unix", "unix_ms"} or any(
            code in self.format for code in ("%H", "%I", "%c", "%X")
        )
        if self.at is None and not has_time:
            raise ValueError(f'{self.format} has no time of day: say which with at: "12:00"')
        return self


class EventMapping(Part):
    """One touchpoint that a row may give."""

    type: str
    when: tuple[Condition, ...] = ()
    time: Time
    identities: Annotated[tuple[IdentityValue, ...], Field(min_length=1, max_length=10)]
    fields: dict[str, Value] = Field(default_factory=dict)
    id: str | None = None
    """Template of the event's id, instead of the line's number: equal ids are one event."""

    @field_validator("type")
    @classmethod
    def _is_a_touchpoint(cls, type: str) -> str:
        if type not in EVENT_TYPES:
            raise ValueError(f"no touchpoint is called so; there are {', '.join(EVENT_TYPES)}")
        return type

    @model_validator(mode="after")
    def _fits_the_contract(self) -> Self:
        model = EVENT_TYPES[self.type]
        known = set(model.model_fields) - {"identities"}
        for name, value in self.fields.items():
            if name not in known:
                raise ValueError(f"{self.type} has no field {name}; it has {', '.join(known)}")
            check_value(model, name, value)
        needed = {name for name in known if model.model_fields[name].is_required()}
        missing = sorted(needed - set(self.fields))
        if missing:
            raise ValueError(f"{self.type} needs {', '.join(missing)}")
        return self


class Mapping(Part):
    """How one kind of file becomes touchpoints."""

    format: Format = "csv"
    delimiter: Annotated[str, Field(max_length=1)] = ""
    encoding: str = "utf-8-sig"
    columns: tuple[str, ...] = ()
    """The columns' names, where the file has no header line."""
    timezone: str
    empty: Texts = ()
    """Texts that stand for nothing, beside the empty one."""
    events: Annotated[tuple[EventMapping, ...], Field(min_length=1)]

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("no time zone is called so; it looks like Asia/Shanghai") from None
        return name

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, name: str) -> str:
        try:
            "".encode(name)
        except LookupError:
            raise ValueError("no encoding is called so; it looks like utf-8 or gbk") from None
        return name

    @model_validator(mode="after")
    def _fits_the_format(self) -> Self:
        if self.format == "jsonl" and (self.columns or self.delimiter):
            raise ValueError("JSON lines name their values: leave out columns and delimiter")
        return self

    @property
    def zone(self) -> tzinfo:
        return ZoneInfo(self.timezone)

    @property
    def blanks(self) -> frozenset[str]:
        """The texts of a cell that stand for nothing."""
        return frozenset({"", *self.empty})

    @property
    def layout(self) -> Layout:
        return Layout(self.format, self.columns, self.delimiter, self.encoding)

    @property
    def used_columns(self) -> frozenset[str]:
        """Every column that the mapping reads."""
        return frozenset(
            column
            for event in self.events
            for columns in (
                *(value.columns for value in (*event.fields.values(), *event.identities)),
                *((condition.column,) for condition in event.when),
                event.time.column,
                template_columns(event.id or ""),
            )
            for column in columns
        )


def read_mapping(path: Path) -> Mapping:
    """The mapping in the file at `path`; raises `Misconfigured` with file, line and reason."""
    return read_checked(Mapping, path.read_text("utf-8"), path=str(path))


def template_columns(template: str) -> tuple[str, ...]:
    """The columns that a template names."""
    return tuple(TEMPLATE_COLUMN.findall(template))


def field_kind(model: type[ChannelEvent], name: str) -> Any:
    """The plain type of a field: `ShortText | None` is a `str`."""
    annotation: Any = model.model_fields[name].annotation
    options = [one for one in get_args(annotation) if one is not type(None)]
    if options and type(None) in get_args(annotation):
        annotation = options[0]
    while hasattr(annotation, "__metadata__"):
        annotation = annotation.__origin__
    return annotation


def check_value(model: type[ChannelEvent], name: str, value: Value) -> None:
    """Refuse a constant, default or map that the field could never take."""
    field = model.model_fields[name]
    annotation: Any = Annotated[(field.annotation, name, *field.metadata)]
    adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    known = [value.constant, value.default, *(value.map or {}).values()]
    for one in (one for one in known if one is not None):
        try:
            adapter.validate_python(one, strict=field_kind(model, name) in (int, bool, str))
        except ValidationError as error:
            raise ValueError(f"{name} cannot be {one!r}: {error.errors()[0]['msg']}") from None
