"""When timers are fired: at their instants, after the events that came before."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from careline_runtime.clock import Clock
from careline_runtime.consumer import Consumer
from careline_runtime.unit_of_work import Unit

POLL_SECONDS = 1.0
BUSY_POLL_SECONDS = 0.1
"""Where timers were due just now, more are soon: of 20,000 in a minute none waits for a second."""
EVENTS_FIRST_SECONDS = 1.0
"""How long a unit of timers lets events go first that come in full polls.

A customer of whom more is heard meanwhile is looked at once for all of it: where engagement worked
off a backlog, 39 units of timers did what 68 had done.
"""


class Firing:
    """Calls `fire_due` whenever something may be due; it returns whether more may be."""

    def __init__(
        self, fire_due: Callable[[datetime], Awaitable[bool]], clock: Clock, consumer: Consumer
    ) -> None:
        self._fire_due, self._clock, self._consumer = fire_due, clock, consumer
        self._due_soon: datetime | None = None

    def heed(self, unit: Unit) -> None:
        """Looks earlier than it would have, where `unit` has set a timer before that."""
        soon = self._clock.now() + timedelta(seconds=POLL_SECONDS)
        if unit.earliest_timer is not None and unit.earliest_timer <= soon:
            self._due_soon = min(self._due_soon or soon, unit.earliest_timer)
            self._clock.wake()

    async def go_on(self) -> None:
        """Fires what is due, for ever."""
        while True:
            now, self._due_soon = self._clock.now(), None
            pause = POLL_SECONDS
            while await self._fire_after_events(now):
                pause = BUSY_POLL_SECONDS
            if self._due_soon is not None:
                pause = max(0.0, (self._due_soon - self._clock.now()).total_seconds())
            await self._clock.moved(min(pause, POLL_SECONDS))

    async def _fire_after_events(self, now: datetime) -> bool:
        await self._consumer.caught_up(within_seconds=EVENTS_FIRST_SECONDS)
        return await self._fire_due(now)
