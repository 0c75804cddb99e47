"""The catalogue is complete, well named, and what is printed from it is current."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from careline_contracts import asyncapi
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, CallbackRequested
from careline_contracts.payload import Payload, describe, open_texts, personal_fields
from careline_contracts.topic_table import topics_page
from careline_contracts.topics import CATALOGUE, RAW, SERVICES, Topic

DOCS = Path(__file__).parents[2] / "docs"
TOPIC_NAME = re.compile(r"careline(\.[a-z]+(-[a-z]+)*)+\.v\d+")
TYPE_NAME = re.compile(r"careline\.[a-z-]+\.([a-z-]+\.v\d+|\*)")


def test_topic_names_are_unique_and_of_one_form() -> None:
    names = [topic.name for topic in CATALOGUE]

    assert len(set(names)) == len(names)
    assert all(TOPIC_NAME.fullmatch(name) for name in names)


@pytest.mark.parametrize("topic", CATALOGUE, ids=lambda topic: topic.name)
def test_every_topic_has_an_owner_readers_that_exist_and_something_to_say(topic: Topic) -> None:
    parties = {*SERVICES, "channels", "operations"}

    assert topic.owner in parties | {"every service"}
    assert set(topic.readers) <= parties
    assert bool(topic.says) != (topic.kind == "dead-letters")
    assert topic.partitions >= 1


def test_one_type_is_one_model() -> None:
    models: dict[str, type[Payload]] = {}
    for topic in CATALOGUE:
        for payload in topic.says:
            assert TYPE_NAME.fullmatch(payload.type), payload
            assert models.setdefault(payload.type, payload) is payload


def test_every_channel_event_is_said_on_the_raw_topic_of_its_channel() -> None:
    for event in CHANNEL_EVENTS:
        assert event in RAW[event.channel].says


def test_state_topics_are_compacted_and_events_expire() -> None:
    for topic in CATALOGUE:
        if topic.kind == "state":
            assert topic.config["cleanup.policy"] == "compact"
        else:
            assert int(topic.config["retention.ms"]) == topic.retention_days * 86_400_000


def test_identities_in_clear_are_on_raw_topics_only() -> None:
    clear = {topic.name for topic in CATALOGUE if topic.personal == "clear"}

    assert clear == {topic.name for topic in RAW.values()}


def test_what_a_customer_wrote_is_sealed_and_the_rest_is_listed_as_open() -> None:
    for event in CHANNEL_EVENTS:
        schema = describe(event)["properties"]
        long = {name for name, field in schema.items() if field.get("maxLength", 0) > 200}

        assert long <= personal_fields(event), event.type
        assert not personal_fields(event) & set(open_texts(event)), event.type
    assert open_texts(CallbackRequested) == ["subject"]


def test_the_printed_topic_page_is_current() -> None:
    assert (DOCS / "topics.md").read_text(encoding="utf-8") == topics_page(), "careline check --fix"


def test_the_asyncapi_document_is_current() -> None:
    assert (DOCS / "asyncapi.json").read_text(encoding="utf-8") == asyncapi.to_text(), (
        "careline check --fix"
    )


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = json.loads(asyncapi.to_text())

    def references(part: Any) -> list[str]:
        if isinstance(part, list):
            return [one for item in part for one in references(item)]
        if not isinstance(part, dict):
            return []
        own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return own + references(list(part.values()))

    for reference in references(document):
        place = document
        for step in reference.removeprefix("#/").split("/"):
            place = place[step]
        assert isinstance(place, dict)
