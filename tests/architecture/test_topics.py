"""The catalogue tells the truth: who hears a topic and who owns it, as the services are wired."""

import ast
import importlib
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from careline_contracts import topics
from careline_contracts.topics import (
    CATALOGUE,
    CHANNELS,
    CLOCK,
    DEAD_LETTERS,
    ERASURES,
    POLICIES,
    SERVICES,
    WITHDRAWALS,
    Topic,
)
from careline_runtime.consumer import Consumer
from careline_runtime.key_file import create_key_file
from careline_runtime.settings import ServiceSettings

ROOT = Path(__file__).parents[2]
FOLLOWED = {CLOCK, CHANNELS, ERASURES, POLICIES, WITHDRAWALS}
"""Read beside the consumer, from the first record or the last one: what is followed changes no
table. Scoring hears policies, too: what is decided by them is decided again.
"""


@pytest.fixture
def heard(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The topics that the service's own wiring subscribes to."""
    app = importlib.import_module(f"careline_{request.param}.app")
    consumer = Mock(wraps=Consumer)
    monkeypatch.setattr("careline_runtime.service.Consumer", consumer)
    create_key_file(tmp_path / "keyring.json")
    nowhere = "postgresql://nobody@127.0.0.1/nothing"
    app.build(ServiceSettings(keyring=tmp_path / "keyring.json", database_url=nowhere))
    _, heard = consumer.call_args.args
    return set(heard)


def owned(service: str) -> set[Topic]:
    return {topic for topic in CATALOGUE if topic.owner == service} - {DEAD_LETTERS[service]}


def named(service: str) -> set[Topic]:
    """The topics that the service's code imports, one by one or by channel."""
    found: set[Topic] = set()
    for path in (ROOT / f"services/{service}/careline_{service}").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == topics.__name__:
                for value in (getattr(topics, alias.name) for alias in node.names):
                    by_channel = value.values() if isinstance(value, dict) else [value]
                    found |= {topic for topic in by_channel if isinstance(topic, Topic)}
    return found


@pytest.mark.parametrize(
    ("service", "heard"), [(name, name) for name in SERVICES], indirect=["heard"], ids=SERVICES
)
def test_a_service_hears_what_the_catalogue_says_and_says_what_it_owns(
    service: str, heard: set[Topic]
) -> None:
    listed = {topic for topic in CATALOGUE if service in topic.readers}

    assert heard - FOLLOWED == listed - FOLLOWED
    assert owned(service) <= named(service) <= owned(service) | listed


def test_every_service_hears_the_clock() -> None:
    assert CLOCK.readers == SERVICES
