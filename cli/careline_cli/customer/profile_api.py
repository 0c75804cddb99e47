"""Asks the running profile service."""

from functools import partial

from careline_cli import service_api

ask = partial(service_api.ask, "profile")


def number_of(name: str) -> str:
    """The customer number that `name` is, or that has the identity `name`, `kind:value`.

    The identity goes in a body: what is in an address, proxies log.
    """
    if ":" not in name:
        return name
    found = ask("POST", "/v1/customers/lookup", json={"identity": name})
    number: str = found["customer"]
    return number
