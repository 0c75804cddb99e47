"""The three names an error can have, their words, and which mean that infrastructure is away."""

import asyncio

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from pydantic_core import ErrorDetails
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError


class InvalidMessage(ValueError):
    """The record can never be handled: it goes to the dead letters with this reason."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class TryLater(RuntimeError):
    """The unit can succeed later as it is: it is rolled back and tried again."""


class Misconfigured(RuntimeError):
    """The service can't start as it is set up; the text says what to change."""


def reason_of(flaw: ErrorDetails) -> str:
    """What pydantic says is wrong, without its word for who found it."""
    return flaw["msg"].removeprefix("Value error, ")


# of a text and of JSON: PostgreSQL keeps every character but U+0000
_NUL_SQLSTATES = frozenset({"22021", "22P05"})
# deadlock, serialization, lock timeout: the same unit succeeds on the next try
_RETRIABLE_SQLSTATES = frozenset({"40P01", "40001", "55P03"})
# connection, resources, operator intervention (shutdown, crash recovery): wait for the server
_AWAY_SQLSTATE_CLASSES = ("08", "53", "57P")


def is_infrastructure(error: BaseException) -> bool:
    """Whether waiting can heal `error`: the database or the broker is away or busy."""
    if isinstance(error, (TryLater, PoolTimeoutError, InterfaceError)):
        return True
    if isinstance(error, (KafkaConnectionError, KafkaTimeoutError)):
        return True
    if isinstance(error, DBAPIError):
        state = _sqlstate(error)
        return (
            error.connection_invalidated
            or state in _RETRIABLE_SQLSTATES
            or state.startswith(_AWAY_SQLSTATE_CLASSES)
        )
    if isinstance(error, KafkaError):
        return bool(getattr(error, "retriable", False))
    return isinstance(error, (ConnectionError, OSError, asyncio.TimeoutError))


def holds_nul(error: BaseException) -> bool:
    """Whether a text was refused for a NUL character: who sent it has to leave that out."""
    return isinstance(error, DBAPIError) and _sqlstate(error) in _NUL_SQLSTATES


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "")
