"""Carries an erasure out: in one unit everything here is deleted, and everybody is told.

The order itself is kept on `careline.erasures.v1` for ever. A database that is built anew from the
topics, or restored from a backup, carries out what it lacks before it hears anything else.
"""

import structlog
from pydantic import ValidationError

from careline_contracts.events.profile import CustomerErased, ErasureOrdered
from careline_contracts.topics import ACTIVITIES, CUSTOMER_CHANGES, ERASURES
from careline_profile import metrics
from careline_profile.erasure import store
from careline_profile.erasure.returning import next_ref
from careline_profile.erasure.store import TRACES, Whole
from careline_runtime.erasure import answer_with, forget, hold
from careline_runtime.keyring import Keyring
from careline_runtime.service import Service
from careline_runtime.state_topic import StateTopic
from careline_runtime.unit_of_work import Unit

log = structlog.get_logger(__name__)


async def erase(unit: Unit, person: Whole, keyring: Keyring) -> None:
    """Erases a customer and says so. The unit must `hold` since before `person` was read."""
    order = ErasureOrdered(
        customer=person.number,
        numbers=person.numbers,
        identities=await store.identities(unit.connection, person.numbers),
        erased_at=person.erased_at,
    )
    unit.say(
        ERASURES,
        order,
        key=order.customer,
        id=f"{order.customer}-erasure",
        recorded_at=order.erased_at,
    )
    await _carry_out(unit, order, person.version + 1, keyring)


async def _carry_out(unit: Unit, order: ErasureOrdered, version: int, keyring: Keyring) -> None:
    erased = CustomerErased(version=version, **order.model_dump())
    answer = await forget(unit, erased, TRACES, service="profile")
    names = await store.first_names(unit.connection, order.identities)
    left = {names.get(ref, ref): order.erased_at for ref in order.identities}
    await store.leave_names(
        unit.connection,
        {ref: next_ref(ref, at, keyring) for ref, at in left.items()},
        until=order.erased_at,
    )
    await store.keep_order(unit.connection, order)
    for topic in (ACTIVITIES, CUSTOMER_CHANGES):
        unit.say(
            topic,
            erased,
            key=order.customer,
            id=f"{order.customer}-erased",
            recorded_at=order.erased_at,
        )
    answer_with(unit, answer)
    unit.after_commit(metrics.customers_erased.inc)


async def carry_out_what_is_missing(service: Service, keyring: Keyring) -> None:
    """Before anything is heard: the orders on the topic that this database doesn't know."""
    orders: list[ErasureOrdered] = []

    def hear(key: str, value: bytes | None) -> None:
        try:
            orders.append(ErasureOrdered.parse(value or b""))
        except ValidationError:
            log.error("erasure.unreadable", customer=key)

    topic = StateTopic(service.settings.kafka_bootstrap_servers, ERASURES, hear)
    await topic.start()
    await topic.stop()
    for order in orders:
        async with service.unit() as unit:
            await hold(unit.connection)
            if await store.ordered(unit.connection, order.customer) is None:
                person = await store.whole(unit.connection, order.customer, now=order.erased_at)
                await _carry_out(unit, order, person.version + 1 if person else 1, keyring)
