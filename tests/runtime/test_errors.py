"""Which errors waiting can heal: a wrong answer loses events or waits for ever."""

import asyncio

import pytest
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    NotLeaderForPartitionError,
    TopicAuthorizationFailedError,
)
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from careline_runtime.errors import InvalidMessage, Misconfigured, TryLater, is_infrastructure


class ServerError(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__()
        self.sqlstate = sqlstate


def from_database(sqlstate: str | None, *, invalidated: bool = False) -> DBAPIError:
    return DBAPIError("SELECT 1", None, ServerError(sqlstate), connection_invalidated=invalidated)


@pytest.mark.parametrize(
    ("error", "heals"),
    [
        pytest.param(from_database("08006"), True, id="connection failure"),
        pytest.param(from_database("53300"), True, id="too many connections"),
        pytest.param(from_database("53100"), True, id="disk full"),
        pytest.param(from_database("57P01"), True, id="shutting down"),
        pytest.param(from_database("57P03"), True, id="starting up"),
        pytest.param(from_database("40P01"), True, id="deadlock"),
        pytest.param(from_database("40001"), True, id="serialization"),
        pytest.param(from_database("55P03"), True, id="lock timeout"),
        pytest.param(from_database(None, invalidated=True), True, id="connection lost on the way"),
        pytest.param(from_database("57014"), False, id="statement timeout: it would be so again"),
        pytest.param(from_database("23505"), False, id="unique violation"),
        pytest.param(from_database("22P02"), False, id="a value that does not fit"),
        pytest.param(from_database("42P01"), False, id="a table that is not there"),
        pytest.param(from_database(None), False, id="an error without a state"),
        pytest.param(InterfaceError("", None, ServerError(None)), True, id="the driver gave up"),
        pytest.param(PoolTimeoutError(), True, id="no connection free"),
        pytest.param(KafkaConnectionError(), True, id="no broker"),
        pytest.param(NotLeaderForPartitionError(), True, id="another broker leads"),
        pytest.param(MessageSizeTooLargeError(), False, id="record too large"),
        pytest.param(TopicAuthorizationFailedError(), False, id="not allowed"),
        pytest.param(KafkaError(), False, id="any other of Kafka's"),
        pytest.param(ConnectionRefusedError(), True, id="refused"),
        pytest.param(OSError(), True, id="of the network"),
        pytest.param(TimeoutError(), True, id="timeout"),
        pytest.param(TryLater("busy"), True, id="a handler that asks for it"),
        pytest.param(InvalidMessage("r", "d"), False, id="an invalid message"),
        pytest.param(Misconfigured("no"), False, id="set up wrongly"),
        pytest.param(ValueError(), False, id="a bug"),
        pytest.param(asyncio.CancelledError(), False, id="the end"),
    ],
)
def test_waiting_heals_servers_and_nothing_else(error: BaseException, heals: bool) -> None:
    assert is_infrastructure(error) is heals
