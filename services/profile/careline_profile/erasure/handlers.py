"""What profile hears, sorted: touchpoints of whoever stays are attached, answers are kept."""

from collections.abc import Sequence

from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.profile import ErasureAnswered
from careline_profile.erasure import store
from careline_profile.erasure.returning import whoever_stays
from careline_profile.handlers import Rules, attach_touchpoints
from careline_runtime.batch import Heard
from careline_runtime.unit_of_work import Unit


async def handle(unit: Unit, heard: Sequence[Heard], *, by: Rules) -> None:
    """Attaches touchpoints, and notes which service has forgotten whom."""
    for item in heard:
        if isinstance(item.payload, ErasureAnswered):
            await store.keep_answer(unit.connection, item.payload)
    touchpoints = [item for item in heard if isinstance(item.payload, Touchpoint)]
    if touchpoints and (staying := await whoever_stays(unit, touchpoints, by.links)):
        await attach_touchpoints(unit, staying, by=by)
