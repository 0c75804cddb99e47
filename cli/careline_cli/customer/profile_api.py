"""Asks the running profile service; what it refuses becomes an error in its own words."""

from typing import Any

import httpx

from careline_cli.console import CommandError
from careline_cli.endpoints import running_endpoints

TIMEOUT_SECONDS = 30.0


def ask(method: str, path: str, **request: Any) -> Any:
    """Profile's answer to a request, from JSON; raises `CommandError` with what it says is wrong.

    `request` is what `httpx.request` takes: `params`, `json`.
    """
    url = running_endpoints().services["profile"] + path
    try:
        answer = httpx.request(method, url, timeout=TIMEOUT_SECONDS, **request)
    except httpx.TransportError as error:
        raise CommandError(
            "Profile does not answer.", why=str(error), fix="careline status shows what runs."
        ) from error
    if answer.is_error:
        raise CommandError(*_words(answer))
    return answer.json()


def _words(answer: httpx.Response) -> tuple[str]:
    try:
        problem = answer.json()
    except ValueError:
        return (f"Profile answers {answer.status_code}.",)
    flaws = [f"{flaw['pointer']}: {flaw['detail']}" for flaw in problem.get("errors", ())]
    return (". ".join(part for part in (problem["title"], problem["detail"], *flaws) if part),)


def number_of(name: str) -> str:
    """The customer number that `name` is, or that has the identity `name`, `kind:value`.

    The identity goes in a body: what is in an address, proxies log.
    """
    if ":" not in name:
        return name
    found = ask("POST", "/v1/customers/lookup", json={"identity": name})
    number: str = found["customer"]
    return number
