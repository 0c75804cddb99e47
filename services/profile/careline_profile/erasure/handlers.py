"""What profile hears, sorted: touchpoints of whoever stays are attached, answers are kept."""

from collections.abc import Sequence

from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.profile import ErasureAnswered
from careline_profile.erasure import store
from careline_profile.erasure.returning import whoever_stays
from careline_profile.handlers import attach_touchpoints
from careline_profile.in_force import InForce, InForceAt
from careline_runtime.batch import Heard
from careline_runtime.erasure import share
from careline_runtime.unit_of_work import Unit


async def handle(
    unit: Unit, heard: Sequence[Heard], *, in_force: InForce, in_force_at: InForceAt
) -> None:
    """Attaches touchpoints, and notes which service has forgotten whom."""
    for item in heard:
        if isinstance(item.payload, ErasureAnswered):
            await store.keep_answer(unit.connection, item.payload)
    touchpoints = [item for item in heard if isinstance(item.payload, Touchpoint)]
    if not touchpoints:
        return
    if await share(unit.connection):
        touchpoints = await whoever_stays(unit, touchpoints, in_force_at)
    if touchpoints:
        # taken under the lock: who brings everybody up to a new policy has waited for it
        await attach_touchpoints(unit, touchpoints, by=in_force(), in_force_at=in_force_at)
