"""Compares range after range of customers, in one process a core, on one snapshot of the facts."""

import asyncio
import gc
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from multiprocessing import get_context
from typing import NamedTuple

import asyncpg

from careline_runtime.policy import parse_policy
from careline_scoring.backtest import queries
from careline_scoring.backtest.comparison import Comparison
from careline_scoring.backtest.course import Playbook, follow
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook

CUSTOMERS_A_RANGE = 5_000
"""Half a second of work: progress is seen, and some 50 MB are held in each process."""


class Question(NamedTuple):
    """What is compared: two policies' texts, over the days from `first_day` to `last_day`."""

    live: str
    candidate: str
    first_day: int
    last_day: int
    playbooks: Sequence[Playbook] = ()


def run(
    database_url: str, question: Question, *, progress: Callable[[int], None] = lambda _: None
) -> Comparison:
    """The comparison of everybody; `progress` hears how many customers are done."""
    return asyncio.run(_run(database_url, question, progress))


def newest_decision(database_url: str) -> datetime | None:
    """As of when somebody was decided about last."""

    async def ask() -> datetime | None:
        connection = await asyncpg.connect(database_url)
        try:
            return await queries.newest_decision(connection)
        finally:
            await connection.close()

    return asyncio.run(ask())


async def _run(
    database_url: str, question: Question, progress: Callable[[int], None]
) -> Comparison:
    connection = await asyncpg.connect(database_url)
    try:
        snapshot = await queries.snapshot(connection)
        ends = await queries.ends(connection, customers=CUSTOMERS_A_RANGE)
        return await asyncio.to_thread(
            _compare_all, database_url, snapshot, list(pairwise(["", *ends])), question, progress
        )
    finally:
        await connection.close()


def _compare_all(
    database_url: str,
    snapshot: str,
    ranges: Sequence[tuple[str, str]],
    question: Question,
    progress: Callable[[int], None],
) -> Comparison:
    whole = Comparison(question.playbooks)
    # started afresh: a fork would inherit the caller's event loop and connections
    workers = max(1, min(os.cpu_count() or 1, len(ranges)))
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin) as pool:
        parts = [
            pool.submit(_compare_range, database_url, snapshot, after, until, question)
            for after, until in ranges
        ]
        for part in as_completed(parts):
            whole.merge(part.result())
            progress(whole.customers)
    return whole


def _begin() -> None:
    # facts and histories hold no cycles, and are gone after their customer
    gc.freeze()
    gc.disable()


def _compare_range(
    database_url: str, snapshot: str, after: str, until: str, question: Question
) -> Comparison:
    return asyncio.run(_compare(database_url, snapshot, after, until, question))


async def _compare(
    database_url: str, snapshot: str, after: str, until: str, question: Question
) -> Comparison:
    connection = await asyncpg.connect(database_url)
    try:
        await queries.look_through(connection, snapshot)
        found = await queries.facts(connection, after, until)
        records = await queries.records_with_care(connection, after, until)
    finally:
        await connection.close()
    part = Comparison(question.playbooks)
    rulebooks = [_rulebook(question.live), _rulebook(question.candidate)]
    days = {"first_day": question.first_day, "last_day": question.last_day}
    for number, facts in found:
        live, candidate = (follow(rulebook, facts, **days) for rulebook in rulebooks)
        if live is not None and candidate is not None:
            part.add(
                number,
                rulebooks,
                (live, candidate),
                day=question.last_day,
                record=records.get(number, ()),
            )
    return part


@lru_cache(maxsize=2)
def _rulebook(text: str) -> Rulebook:
    loaded = parse_policy(ScoringPolicy, text, path="policy")
    return Rulebook(loaded.policy, version=loaded.version)
