"""Nobody is left behind: each table says where a customer stands in it, or that none does."""

import importlib

import pytest

from careline_contracts.topics import CATALOGUE, WITH_DATABASE
from careline_runtime import tables as runtime_tables
from careline_runtime.erasure import Traces

WHERE = {
    "profile": "careline_profile.erasure.store",
    "scoring": "careline_scoring.erasure",
    "engagement": "careline_engagement.erasure",
    "ticketing": "careline_ticketing.erasure",
}


def traces(service: str) -> Traces:
    found = importlib.import_module(WHERE[service]).TRACES
    assert isinstance(found, Traces)
    return found


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_every_table_says_where_a_customer_stands_in_it(service: str) -> None:
    found = traces(service)
    named = found.rows.keys() | found.tokens.keys() | found.nobody
    tables = importlib.import_module(f"careline_{service}.tables").metadata.tables

    assert set(tables) - named == set(), (
        "a new table? say in erasure how a customer is erased there"
    )
    for name, columns in found.rows.items():
        if name in tables:
            assert set(columns) <= set(tables[name].columns.keys()), name


@pytest.mark.parametrize("service", WITH_DATABASE)
def test_every_compacted_topic_with_customers_is_forgotten_by_its_owner(service: str) -> None:
    states = {
        topic
        for topic in CATALOGUE
        if topic.kind == "state" and topic.owner == service and topic.personal != "none"
    }

    # the orders themselves are kept: they bring erasure to a database that is built anew
    assert {t.name for t in states} - {"careline.erasures.v1"} == {
        topic.name for topic in traces(service).states
    }


def test_the_tables_of_the_runtime_hold_no_customer_but_timers_and_the_erased() -> None:
    assert set(runtime_tables.metadata.tables) == {
        "consumer_offsets",
        "inbox",  # hashes of source and id
        "outbox",  # until Kafka has it
        "kafka_cluster",
        "timers",
        "erased",
    }
