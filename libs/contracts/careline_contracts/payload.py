"""The base of every event's data: a frozen past fact with a registered CloudEvents type."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

ShortText = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""A name, code or reference: one line, bounded, so that no field can carry a document.

In what a channel says it passes the edge as it is: nothing that names a customer belongs in it.
"""

LongText = Annotated[str, StringConstraints(max_length=10_000, pattern=r"^[^\x00]*$")]
"""Something a person wrote. Without U+0000, which PostgreSQL cannot keep."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217 code."""

Instant = AwareDatetime
"""A moment with its offset; a time without one is refused."""


class Payload(BaseModel):
    """The data of one event. Unknown fields are ignored, so that a newer writer can be read."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    type: ClassVar[str]
    """CloudEvents `type`, `careline.<thing>.<past>.v1`."""

    @classmethod
    def parse(cls, value: bytes) -> Self:
        """The data in a record's value; raises pydantic's `ValidationError`."""
        parsed: Self = cls.__pydantic_validator__.validate_json(value)
        return parsed

    def to_json(self) -> bytes:
        """The record's value: JSON, field order as declared, absent optional fields left out."""
        return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_none=True)


def short_type(type: str) -> str:
    """How policies and people name a type: `call.completed` for `careline.call.completed.v1`."""
    return type.removeprefix("careline.").removesuffix(".v1")


class Personal:
    """Marks a field that ingest seals: no topic but the raw ones carries it in clear."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core_schema), "x-personal": True}


def personal_fields(payload: type[Payload]) -> frozenset[str]:
    """Names of the fields of `payload` that carry the `Personal` mark."""
    return frozenset(
        name
        for name, field in payload.model_fields.items()
        if any(isinstance(mark, Personal) for mark in field.metadata)
    )


def open_texts(payload: type[Payload]) -> list[str]:
    """Names of the fields that a sender could write anything in, and that are not sealed."""
    names = []
    for name, schema in describe(payload)["properties"].items():
        kinds = schema.get("items", schema).get("anyOf", [schema.get("items", schema)])
        if "x-personal" not in schema and any("maxLength" in kind for kind in kinds):
            names.append(name)
    return names


def describe(payload: type[Payload]) -> dict[str, Any]:
    """The JSON Schema 2020-12 of `payload`, titled by its CloudEvents type."""
    schema = payload.model_json_schema(mode="serialization", by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": payload.type,
    }
