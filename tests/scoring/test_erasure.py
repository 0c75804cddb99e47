"""Who is erased is forgotten by scoring, with all that others told of them (REC-7)."""

import json

import pytest

from careline_contracts.events.profile import CustomerErased
from careline_contracts.topics import ACTIVITIES, ERASURE_ANSWERS
from careline_runtime.erasure import forgetting, forgetting_timers
from careline_scoring.erasure import TRACES
from careline_scoring.handlers import HEARS, Handlers
from tests.runtime.by_hand import fresh_database, tables_naming
from tests.scoring.by_hand import Scoring, noon, shipped_policy, timeline_of

pytestmark = pytest.mark.stack

ANN, BOB = "C-ann", "C-bob"
PHONE = "phone:00000000-0000-0000-0000-00000000000a"


async def test_what_tickets_and_outreach_told_of_her_is_forgotten_counted_or_waiting(
    admin_url: str,
) -> None:
    handlers = Handlers(lambda: timeline_of(shipped_policy()))
    async with fresh_database(admin_url, "scoring") as engine:
        scoring = Scoring(
            engine,
            service="scoring",
            hears=HEARS,
            handle=forgetting(handlers.handle, TRACES, service="scoring"),
            fire=forgetting_timers(handlers.fire),
        )
        for customer, identity in ((ANN, PHONE), (BOB, None)):
            await scoring.hear(
                [
                    scoring.activity(customer, day=0, identity=identity),
                    scoring.answer(customer, "replied", day=1),
                    scoring.ticket(customer, 2, day=1, broken={"resolution": 1}, identity=identity),
                ]
            )
        await scoring.tick(noon(1))
        waiting = scoring.ticket(ANN, 3, day=5, rated={9: 5}, identity=PHONE)
        late = scoring.ticket(ANN, 4, day=6, rated={3: 6}, identity=PHONE)
        erased = CustomerErased(
            customer=ANN, version=9, numbers=(ANN,), identities=(PHONE,), erased_at=noon(2)
        )
        kept = await scoring.rows("SELECT * FROM customers WHERE number = 'C-bob'")
        await scoring.hear([waiting])
        await scoring.hear(
            [scoring._said(ACTIVITIES, erased, source="/careline/profile", day=2, key=ANN), late]
        )

        [answer] = [r for r in await scoring.records() if r.topic == ERASURE_ANSWERS.name]
        deleted = json.loads(answer.value or b"")["deleted"]
        told = {table: deleted[table] for table in ("answers", "tickets", "news")}
        assert told == {"answers": 1, "tickets": 1, "news": 1}
        assert await tables_naming(engine, [ANN, PHONE]) == set()
        await scoring.tick(noon(6))
        assert await tables_naming(engine, [ANN, PHONE]) == set()
        assert await scoring.rows("SELECT * FROM customers WHERE number = 'C-bob'") == kept
        assert await tables_naming(engine, [BOB]) >= {"public.answers", "public.tickets"}
