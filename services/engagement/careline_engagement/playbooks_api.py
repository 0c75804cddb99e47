"""HTTP about playbooks: whether they help (CARE-8)."""

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from careline_engagement import queries
from careline_engagement.policy import Playbook
from careline_engagement.rules import Book, uplift
from careline_runtime.access import requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect


class GroupView(BaseModel):
    """Cases whose window is over. `low` and `high` are the share's 95 % interval."""

    cases: int
    reached: int
    share: float
    low: float | None = None
    high: float | None = None


class UpliftView(BaseModel):
    """What a playbook achieved over leaving customers alone; see docs/playbooks.md."""

    playbook: str
    version: int
    goal: str
    window_days: int
    holdout_percent: int
    as_of: datetime
    treated: GroupView
    held_out: GroupView
    difference: float | None
    low: float | None
    high: float | None
    split_p: float | None
    verdict: uplift.Verdict


def router(connect: Connect, now: Now, book: Callable[[], Book]) -> APIRouter:
    """The routes about playbooks."""
    routes = APIRouter(prefix="/v1", tags=["playbooks"], dependencies=[requires("cases.read")])

    @routes.get("/playbooks/{name}/uplift", summary="What a playbook achieved over doing nothing")
    async def uplift_of(name: str) -> UpliftView:
        as_of = now()
        playbook = book().at(as_of).policy.by_name.get(name)
        if playbook is None:
            raise HTTPException(404, f"there is no playbook {name}")
        async with connect() as connection:
            treated, held_out = await queries.groups(
                connection,
                playbook=name,
                digests=book().digests_of(playbook),
                goal=playbook.goal.status,
                as_of=as_of,
            )
        found = uplift.uplift(treated, held_out, holdout_percent=playbook.holdout_percent)
        return _uplift(playbook, found, as_of)

    return routes


def _uplift(playbook: Playbook, found: uplift.Uplift, as_of: datetime) -> UpliftView:
    return UpliftView(
        playbook=playbook.playbook,
        version=playbook.version,
        goal=playbook.goal.status,
        window_days=playbook.window_days,
        holdout_percent=playbook.holdout_percent,
        as_of=as_of,
        treated=_group(found.treated),
        held_out=_group(found.held_out),
        difference=found.difference,
        low=found.low,
        high=found.high,
        split_p=found.split_p,
        verdict=found.verdict,
    )


def _group(group: uplift.Group) -> GroupView:
    low, high = group.interval if group.cases else (None, None)
    return GroupView(
        cases=group.cases, reached=group.reached, share=group.share, low=low, high=high
    )
