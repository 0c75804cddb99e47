"""Asks a running service; what it refuses becomes an error in its own words."""

from typing import Any

import httpx

from careline_cli.console import CommandError
from careline_cli.endpoints import running_endpoints

TIMEOUT_SECONDS = 30.0


def ask(service: str, method: str, path: str, **request: Any) -> Any:
    """The service's answer to a request, from JSON; raises `CommandError` with what it says.

    `request` is what `httpx.request` takes: `params`, `json`.
    """
    url = running_endpoints().services[service] + path
    try:
        answer = httpx.request(method, url, timeout=TIMEOUT_SECONDS, **request)
    except httpx.TransportError as error:
        raise CommandError(
            f"{service.capitalize()} does not answer.",
            why=str(error),
            fix="careline status shows what runs.",
        ) from error
    if answer.is_error:
        raise CommandError(_words(service, answer))
    return answer.json()


def _words(service: str, answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return f"{service.capitalize()} answers {answer.status_code}."
    flaws = [f"{flaw['pointer']}: {flaw['detail']}" for flaw in problem.get("errors", ())]
    return ". ".join(part for part in (problem["title"], problem["detail"], *flaws) if part)
