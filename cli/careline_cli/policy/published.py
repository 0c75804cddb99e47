"""Policies on `careline.policies.v1`: what was published, and publishing the next."""

import asyncio
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from careline_cli import service_api
from careline_cli.checkout import home_directory
from careline_cli.console import CommandError, progress
from careline_cli.endpoints import running_endpoints
from careline_cli.policy import models
from careline_contracts.envelope import Envelope, Record, from_text, to_headers, to_text
from careline_contracts.events.operations import PolicyPublished
from careline_contracts.topics import POLICIES
from careline_localstack import Endpoints
from careline_runtime.policy import Loaded
from careline_runtime.publisher import Publisher
from careline_runtime.state_topic import StateTopic

LEAD = timedelta(seconds=5)
"""A policy is heard by every instance before its instant: docs/decisions/0009."""
KNOWN_WITHIN_SECONDS = 10.0

Described = dict[str, Any]


def in_force(service: str) -> Described:
    """What the service decides by, as it says itself, else its file; a copy lies at `path`."""
    try:
        described = ask(running_endpoints(), service)
    except CommandError:
        loaded = models.own(service)
        described = {
            "service": service,
            "version": loaded.version,
            "effective_at": None,
            "text": loaded.text,
            "coming": [],
            "unreadable": [],
        }
    return described | {"path": str(_as_file(service, described["text"]))}


def ask(endpoints: Endpoints, service: str) -> Described:
    """What the running service says of its policy; raises `CommandError`."""
    try:
        answer = httpx.get(f"{endpoints.services[service]}/policy", timeout=10)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise CommandError(
                f"{service} does not follow published policies.",
                fix=f"$CARELINE_POLICIES/{service}.yaml replaces its own at its next start.",
            )
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise CommandError(
            f"{service} does not answer.", why=str(error), fix="careline status shows what runs."
        ) from error
    described: Described = answer.json()
    return described


def history(endpoints: Endpoints, service: str) -> list[PolicyPublished]:
    """Every policy of the service that was ever published, in order of instant."""

    async def read() -> dict[str, PolicyPublished]:
        found: dict[str, PolicyPublished] = {}

        def hear(key: str, value: bytes | None) -> None:
            if value is not None and key.partition("/")[0] == service:
                found[key] = PolicyPublished.parse(value)

        topic = StateTopic(endpoints.kafka, POLICIES, hear)
        await topic.start()
        await topic.stop()
        return found

    return sorted(asyncio.run(read()).values(), key=lambda published: published.effective_at)


def publish(
    endpoints: Endpoints,
    service: str,
    loaded: Loaded[Any],
    *,
    effective_at: datetime | None,
    note: str,
    restores: str | None = None,
) -> PolicyPublished:
    """Publishes a policy and returns when the service knows it; raises `CommandError`."""
    earliest = clock(service) + LEAD
    if effective_at is not None and effective_at < earliest:
        raise CommandError(
            f"{to_text(effective_at)} is too early.",
            why="What was decided stays: a policy takes effect in the future, so that every "
            "instance knows it by then.",
            fix=f"Choose {to_text(earliest)} or later, or leave the instant out.",
        )
    taken = {other.effective_at for other in history(endpoints, service)}
    if effective_at in taken:
        raise CommandError(f"A policy takes effect at {to_text(effective_at)} already.")
    published = PolicyPublished(
        service=service,
        version=loaded.version,
        effective_at=effective_at or _free(earliest, taken),
        text=loaded.text,
        published_at=datetime.now(UTC),
        note=note,
        restores=restores,
    )
    asyncio.run(_say(endpoints.kafka, published))
    _await_known(endpoints, published)
    return published


def _free(instant: datetime, taken: Collection[datetime]) -> datetime:
    """The first instant that no policy has: a replayed clock stands still between two of them."""
    while instant in taken:
        instant += timedelta(milliseconds=1)
    return instant


def clock(service: str) -> datetime:
    """What time it is for the service; raises `CommandError`."""
    return from_text(service_api.ask(service, "GET", "/status")["clock"], name="clock")


async def _say(kafka: str, published: PolicyPublished) -> None:
    assert published.published_at is not None
    now = published.published_at
    envelope = Envelope(
        f"{published.key}-{to_text(now)}",
        "/careline/operations",
        PolicyPublished.type,
        now,
        now,
        key=published.key,
    )
    publisher = Publisher(kafka, client_id="careline-cli")
    try:
        record = Record(POLICIES.name, published.key, to_headers(envelope), published.to_json())
        await publisher.publish([record])
    finally:
        await publisher.stop()


def _await_known(endpoints: Endpoints, published: PolicyPublished) -> None:
    deadline = time.monotonic() + KNOWN_WITHIN_SECONDS
    effective_at = to_text(published.effective_at)
    while time.monotonic() < deadline:
        described = ask(endpoints, published.service)
        if published.key in described["unreadable"]:
            raise CommandError(
                f"{published.service} can't read the policy; the former one stays in force.",
                why="It runs an older version than this command; its log says which line.",
            )
        if effective_at in {each["effective_at"] for each in (described, *described["coming"])}:
            return
        time.sleep(0.05)
    progress(f"{published.service} doesn't know the policy yet; it will as soon as it hears it")


def _as_file(service: str, text: str) -> Path:
    """A copy to look at and to begin a candidate with."""
    path = home_directory() / "policies" / f"{service}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
