"""A batch that fails is tried again in halves, until what fails alone is known."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

import structlog

from careline_runtime import metrics
from careline_runtime.errors import InvalidMessage
from careline_runtime.waiting import until_up

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


async def bisect(
    items: Sequence[Item],
    unit: Callable[[Sequence[Item]], Awaitable[None]],
    give_up: Callable[[Item, Exception], Awaitable[None]],
    *,
    attempts: int,
) -> None:
    """Settles `items` in order: together if it can be, else in halves, down to one.

    One alone is tried `attempts` times before it is given up. Several are tried again as halves: to
    try them once more together made a poison cost its batch five times its time instead of three.
    """
    failure: Exception | None = None
    for attempt in range(attempts if len(items) == 1 else 1):
        try:
            await until_up(lambda: unit(items))
        except Exception as error:
            failure = error
            metrics.unit_retries.labels(type(error).__name__).inc()
            log.warning("unit.failed", events=len(items), attempt=attempt + 1, exc_info=error)
            if isinstance(error, InvalidMessage) and len(items) == 1:
                break
        else:
            return
    if len(items) == 1 and failure is not None:
        await give_up(items[0], failure)
        return
    middle = len(items) // 2
    await bisect(items[:middle], unit, give_up, attempts=attempts)
    await bisect(items[middle:], unit, give_up, attempts=attempts)


async def side_by_side(works: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """What all of them return; the first failure is raised when none is at work any more."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
