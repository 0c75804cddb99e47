"""What operations say: the replay clock."""

from typing import ClassVar

from careline_contracts.payload import Instant, Payload


class ClockTicked(Payload):
    """The replay clock moved to `now`; services under it fire what is due by then."""

    type: ClassVar[str] = "careline.clock.ticked.v1"
    now: Instant
