"""Tickets as engagement hears them: what happens to one may begin a case."""

from dataclasses import replace

import pytest
import yaml
from sqlalchemy import text

from careline_contracts.events.ticketing import TicketBreached, TicketOpened, TicketResolved
from careline_engagement.policy import EngagementPolicy
from careline_engagement.policy.words import TICKETS
from tests.engagement.by_hand import Engagement, after, shipped_policy
from tests.runtime.by_hand import fresh_database

pytestmark = pytest.mark.stack


async def test_whatever_happens_to_a_ticket_may_begin_a_case(admin_url: str) -> None:
    loaded = shipped_policy()
    written = yaml.safe_load(loaded.text)
    [playbook] = [p for p in written["playbooks"] if p["playbook"] == "pre-sale"]
    playbook["enter"] = [{"trigger": trigger} for trigger in TICKETS]
    policy = EngagementPolicy.model_validate({**written, "playbooks": [playbook]})
    async with fresh_database(admin_url, "engagement") as engine:
        stage = Engagement(engine, replace(loaded, policy=policy))
        await stage.hear(
            [
                stage.ticket(TicketOpened, "A", 1, kind="fault", level="L2"),
                stage.ticket(TicketBreached, "B", 2, target="resolution", due_at=after(2)),
                stage.ticket(TicketResolved, "C", 3),
            ]
        )
        await stage.tick(after(4))
        async with engine.connect() as connection:
            query = "SELECT number, trigger FROM cases ORDER BY number"
            opened = [tuple(row) for row in await connection.execute(text(query))]
    assert opened == [("A", "ticket.opened"), ("B", "ticket.breached"), ("C", "ticket.resolved")]
