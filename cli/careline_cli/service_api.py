"""Asks a running service; what it refuses becomes an error in its own words."""

from typing import Any

import httpx

from careline_cli.console import CommandError
from careline_cli.endpoints import running_endpoints
from careline_cli.token import token_for
from careline_runtime.access.policy import Role

TIMEOUT_SECONDS = 30.0


def ask(
    service: str,
    method: str,
    path: str,
    *,
    role: Role | None = None,
    subject: str | None = None,
    **request: Any,
) -> Any:
    """The service's answer, from JSON where it is; raises `CommandError` with what it says.

    `request` is what `httpx.request` takes: `params`, `json`, `headers`. With a `role` it shows a
    token: CARELINE_TOKEN, or one of this home's issuer for that role (and `subject`; default: you).
    """
    if role is not None:
        shown = {"authorization": f"Bearer {token_for([role], subject=subject)}"}
        request["headers"] = {**request.get("headers", {}), **shown}
    url = running_endpoints().services[service] + path
    try:
        answer = httpx.request(method, url, timeout=TIMEOUT_SECONDS, **request)
    except httpx.TransportError as error:
        raise CommandError(
            f"{service.capitalize()} does not answer.",
            why=str(error),
            fix="careline status shows what runs, careline up starts it.",
        ) from error
    if answer.is_error:
        raise CommandError(_words(service, answer))
    if not answer.content:
        return None
    is_json = "json" in answer.headers.get("content-type", "")
    return answer.json() if is_json else answer.text


def _words(service: str, answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return f"{service.capitalize()} answers {answer.status_code}."
    flaws = [f"{flaw['pointer']}: {flaw['detail']}" for flaw in problem.get("errors", ())]
    return ". ".join((problem["detail"], *flaws))
