"""What comes on other topics than activities counts at its instant, whichever was heard first."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterator

import pytest
from aiokafka import ConsumerRecord

from careline_contracts.events.profile import Move
from careline_contracts.events.ticketing import Target
from tests.runtime.by_hand import Said
from tests.scoring.by_hand import Scoring, fresh_scoring, noon, on
from tests.scoring.life import kept

pytestmark = pytest.mark.stack

ANN, BOB = "C-ann", "C-bob"

Step = tuple[list[ConsumerRecord], ...]
"""What is heard before the clock moves on, by topic: each has an order, between them is none."""


class Lives:
    """Half a year of Ann and Bob, who become one and two again, five days a step."""

    def __init__(self, scoring: Scoring, *, seed: int) -> None:
        self._scoring = scoring
        self._draw = random.Random(seed)
        self._broken: dict[str, dict[Target, int]] = {ANN: {}, BOB: {}}
        self._tickets = dict.fromkeys((ANN, BOB), 0)
        self._records = dict.fromkeys((ANN, BOB), 0)

    def steps(self) -> Iterator[Step]:
        for start in range(0, 180, 5):
            activities: list[ConsumerRecord] = []
            others: tuple[list[ConsumerRecord], ...] = ([], [], [])
            for day in sorted(self._draw.choices(range(start, start + 5), k=6)):
                customer = self._draw.choice([ANN, BOB])
                happens = self._draw.randrange(6)
                if happens < 3:
                    activities.append(self._purchase(customer, day))
                else:
                    tells = (self._ticket, self._answer, self._record)[happens - 3]
                    others[happens - 3].append(tells(customer, day))
            if start in (60, 120):
                activities.append(self._turn(start, day=start + 4))
            yield (activities, *others)

    def _purchase(self, customer: str, day: int) -> ConsumerRecord:
        amount = self._draw.randrange(9_000)
        return self._scoring.purchase(customer, amount, day=day, identity=f"phone:{customer}")

    def _ticket(self, customer: str, day: int) -> ConsumerRecord:
        target: Target = self._draw.choice(["first_response", "temporary_fix", "resolution"])
        self._broken[customer][target] = day
        self._tickets[customer] += 1
        return self._scoring.ticket(
            customer,
            self._tickets[customer],
            day=day,
            broken=self._broken[customer],
            rated={self._draw.randrange(11): day},
            identity=f"phone:{customer}",
        )

    def _answer(self, customer: str, day: int) -> ConsumerRecord:
        result = self._draw.choice(["delivered", "replied", "opted_out"])
        return self._scoring.answer(customer, result, day=day)

    def _record(self, customer: str, day: int) -> ConsumerRecord:
        self._records[customer] += 1
        said = self._draw.choice([{}, {"region": "east"}, {"region": "west", "party": "company"}])
        return self._scoring.state(customer, self._records[customer], day=day, **said)

    def _turn(self, start: int, *, day: int) -> ConsumerRecord:
        owner, move = (ANN, 1) if start == 60 else (BOB, 2)
        moves = [Move(name=n, customer=owner, move=move) for n in (BOB, f"phone:{BOB}")]
        turn = self._scoring.merge if start == 60 else self._scoring.split
        return turn(ANN, BOB, day=day, moves=moves)


async def live(scoring: Scoring, seed: int, *, draw: random.Random | None) -> None:
    """Hears and ticks; where `draw` is given in an order, batches and instances that it draws."""
    other = on(scoring.engine)
    for place, topics in enumerate(Lives(scoring, seed=seed).steps()):
        if draw is None:
            await scoring.hear([record for topic in topics for record in topic])
        while draw is not None and any(topics):
            topic = draw.choice([topic for topic in topics if topic])
            heard, topic[:] = topic[: (some := draw.randint(1, 4))], topic[some:]
            await draw.choice([scoring, other]).hear(heard)
        instances = (scoring,) if draw is None else (scoring, other)
        await asyncio.gather(*(each.tick(noon(5 * place + 4)) for each in instances))


async def by_key(scoring: Scoring) -> dict[tuple[str, str], list[Said]]:
    """What was said under each key, in order."""
    found = defaultdict(list)
    for said in await scoring.said():
        found[said.topic, said.envelope.key].append(said)
    return found


async def test_an_answer_counts_though_its_customer_is_heard_of_later(admin_url: str) -> None:
    """As by whoever has lost the database and hears all topics anew, in whatever order."""
    async with fresh_scoring(admin_url) as first, fresh_scoring(admin_url) as last:
        asked = [first.activity(ANN, "careline.sms.delivered.v1", day=0)]
        answered = [first.answer(ANN, "replied", day=1)]
        for scoring, batches in ((first, (asked, answered)), (last, (answered, asked))):
            for batch in batches:
                await scoring.hear(batch)
                await scoring.tick(noon(1))
        assert (await kept(last))["buckets"] == (await kept(first))["buckets"]
        points = [await each.rows("SELECT points FROM customers") for each in (first, last)]
        assert points[0] == points[1]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_which_topic_was_heard_first_does_not_show(admin_url: str, seed: int) -> None:
    """Nor how much of each at a time, nor who looked at the clock."""
    async with fresh_scoring(admin_url) as calm, fresh_scoring(admin_url) as hurried:
        await live(calm, seed, draw=None)
        await live(hurried, seed, draw=random.Random(seed))
        assert await by_key(hurried) == await by_key(calm)
        assert await kept(hurried) == await kept(calm)
        assert await calm.rows("SELECT * FROM news") == []
