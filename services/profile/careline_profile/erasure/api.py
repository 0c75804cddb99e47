"""Erasure over HTTP: somebody asks for it, and the receipt that they show the person."""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.erasure import store
from careline_profile.erasure.orders import erase
from careline_profile.erasure.receipts import Receipt, receipt
from careline_profile.numbers import Number
from careline_profile.protection.audit import Deed
from careline_profile.protection.reading import Protection
from careline_profile.reasons import Given
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.erasure import hold
from careline_runtime.keyring import Keyring
from careline_runtime.unit_of_work import Work


def router(
    connect: Connect,
    work: Work,
    now: Now,
    protection: Protection,
    keyring: Keyring,
) -> APIRouter:
    """The routes; `work` opens a unit of work, `connect` a connection to profile's database."""
    routes = APIRouter(prefix="/v1", tags=["erasure"])

    @routes.post(
        "/customers/{number}/erasure",
        status_code=202,
        summary="Forget a customer, here and in every service; asked again, the same receipt",
    )
    async def order(
        number: Number, given: Given, caller: Annotated[Caller, requires("customers.erase")]
    ) -> Receipt:
        async with work() as unit:
            await hold(unit.connection)
            person = await store.whole(unit.connection, number, now=now())
            if person is not None:
                await erase(unit, person, keyring)
                deed = Deed(
                    caller.subject, tuple(sorted(caller.roles)), "customer.erase", person.number
                )
                await protection.note(unit, deed, given.reason)
        async with connect() as connection:
            return await _receipt(connection, number)

    @routes.get(
        "/erasures/{number}",
        summary="What was deleted of an erased customer, where, and when the rest goes",
        dependencies=[requires("customers.read")],
    )
    async def read(number: Number) -> Receipt:
        async with connect() as connection:
            return await _receipt(connection, number)

    return routes


async def _receipt(connection: AsyncConnection, number: str) -> Receipt:
    ordered = await store.ordered(connection, number)
    if ordered is None:
        raise HTTPException(404, f"no customer has or had the number {number}")
    return receipt(
        ordered,
        await store.ordered_numbers(connection, ordered.customer),
        await store.answers(connection, ordered.customer),
    )
