"""The policy of a service as it is published: which one is in force at an instant, followed live.

A decision as of an instant is taken by the policy that was in force then. All that were ever
published stay on the topic, so a replay decides by the same policies as the first time. Until the
first one's instant the service's file is in force. See docs/decisions/0009-policies-by-instant.md.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from careline_contracts.envelope import to_text
from careline_contracts.events.operations import PolicyPublished
from careline_contracts.topics import POLICIES
from careline_runtime import metrics
from careline_runtime.clock import Now
from careline_runtime.errors import Misconfigured
from careline_runtime.policy import Loaded, load_policy, parse_policy
from careline_runtime.settings import ServiceSettings
from careline_runtime.state_topic import StateTopic

log = structlog.get_logger(__name__)

BEFORE_ALL = datetime.min.replace(tzinfo=UTC)

Model = TypeVar("Model", bound=BaseModel)
Made = TypeVar("Made")


class Edition(NamedTuple, Generic[Made]):
    """A policy that is in force from `effective_at` on, and what the service makes of it."""

    effective_at: datetime
    version: str
    path: str
    """The file, or the record on the topic."""
    text: str
    made: Made


class Timeline(Generic[Made]):
    """The editions of a policy in order of instant. It never changes: a unit of work keeps one."""

    __slots__ = ("_instants", "_last", "_last_from", "editions")

    def __init__(self, editions: Iterable[Edition[Made]]) -> None:
        self.editions = sorted(editions, key=attrgetter("effective_at"))
        self._instants = [edition.effective_at for edition in self.editions]
        self._last, self._last_from = self.editions[-1].made, self._instants[-1]

    def at(self, instant: datetime) -> Made:
        """What decides as of `instant`."""
        if instant >= self._last_from:
            return self._last
        return self.edition_at(instant).made

    def next_after(self, instant: datetime) -> datetime | None:
        """The first later instant at which another edition takes effect."""
        if instant >= self._last_from:
            return None
        return self._instants[bisect_right(self._instants, instant)]

    def edition_at(self, instant: datetime) -> Edition[Made]:
        """The edition in force at `instant`; before all of them, the first."""
        return self.editions[max(0, bisect_right(self._instants, instant) - 1)]

    def and_also(self, edition: Edition[Made]) -> "Timeline[Made]":
        """The timeline with one more edition; one of the same instant is replaced."""
        others = [e for e in self.editions if e.effective_at != edition.effective_at]
        insort(others, edition, key=attrgetter("effective_at"))
        return Timeline(others)


def any_follows(former: BaseModel, candidate: BaseModel) -> str:
    """For policies that may change in every part."""
    return ""


class FollowedPolicy(Generic[Model, Made]):
    """Follows a service's policy; `timeline` is what is known of it by now.

    `make` turns a policy into what the service decides with. `forbids` says why a policy can't
    follow the service's own, in words, or nothing. A published policy that can't be read or may
    not follow is left out, loudly: the one before it stays in force.
    """

    def __init__(
        self,
        model: type[Model],
        *,
        package: str,
        settings: ServiceSettings,
        make: Callable[[Loaded[Model]], Made],
        forbids: Callable[[Model, Model], str] = any_follows,
    ) -> None:
        self._model, self._make, self._forbids = model, make, forbids
        self._service = package.removeprefix("careline_")
        self._own = load_policy(model, package=package, settings=settings)
        self.timeline = Timeline([self._edition(self._own, BEFORE_ALL)])
        self._topic = StateTopic(settings.kafka_bootstrap_servers, POLICIES, self.hear)
        self._unreadable: set[str] = set()
        self._now: Now | None = None

    async def start(self, now: Now) -> None:
        """Returns when every policy that was published so far is known."""
        await self._topic.start()
        self._now = now

    async def stop(self) -> None:
        await self._topic.stop()

    def at(self, instant: datetime) -> Made:
        """What decides as of `instant`, by all that is known of the policy now."""
        return self.timeline.at(instant)

    def hear(self, key: str, value: bytes | None) -> None:
        """Takes a record of the topic; the same one again changes nothing."""
        service, _, _ = key.partition("/")
        if service != self._service or value is None:
            return
        try:
            self._take(PolicyPublished.parse(value), path=f"{POLICIES.name}: {key}")
        except (ValidationError, Misconfigured) as error:
            self._unreadable.add(key)
            why = str(error)[:500]
            log.error("policy.unreadable", key=key, why=why, action="the one before it stays")
        else:
            self._unreadable.discard(key)
        metrics.policies_unreadable.set(len(self._unreadable))

    def describe(self, now: datetime) -> dict[str, Any]:
        """The policy in force, and what is published for later."""
        edition = self.timeline.edition_at(now)
        return {
            **_described(edition),
            "service": self._service,
            "path": edition.path,
            "text": edition.text,
            "coming": [_described(e) for e in self.timeline.editions if e.effective_at > now],
            "unreadable": sorted(self._unreadable),
        }

    def _take(self, published: PolicyPublished, *, path: str) -> None:
        known = self.timeline.edition_at(published.effective_at)
        if (known.effective_at, known.text) == (published.effective_at, published.text):
            return  # heard again after a break; what was made of it stays
        loaded = parse_policy(self._model, published.text, path=path)
        if reason := self._forbids(self._own.policy, loaded.policy):
            raise Misconfigured(reason)
        self.timeline = self.timeline.and_also(self._edition(loaded, published.effective_at))
        effective = to_text(published.effective_at)
        log.info("policy.heard", version=loaded.version, effective_at=effective)
        if self._now is not None and published.effective_at <= self._now():
            metrics.policies_late.inc()
            log.warning("policy.late", version=loaded.version, effective_at=effective)

    def _edition(self, loaded: Loaded[Model], effective_at: datetime) -> Edition[Made]:
        made = self._make(loaded)
        return Edition(effective_at, loaded.version, loaded.path, loaded.text, made)


def _described(edition: Edition[Made]) -> dict[str, Any]:
    since = None if edition.effective_at == BEFORE_ALL else to_text(edition.effective_at)
    return {"version": edition.version, "effective_at": since}
