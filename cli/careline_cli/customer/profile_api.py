"""Asks the running profile service."""

import re
from functools import partial

import typer

from careline_cli import service_api
from careline_cli.console import CommandError

ask = partial(service_api.ask, "profile")

TWELVE_CHARACTERS = "[0-9A-HJKMNP-TV-Z]{12}"
SHORTEST_REASON = 5
"""What profile takes: a letter or two would tell nobody why."""
NUMBER = re.compile(f"C{TWELVE_CHARACTERS}")
LINK = re.compile(f"L{TWELVE_CHARACTERS}")


def number_of(name: str) -> str:
    """The customer number that `name` is, or that has the identity `name`, `kind:value`.

    The identity goes in a body: what is in an address, proxies log.
    """
    if NUMBER.fullmatch(name):
        return name
    if ":" not in name:
        raise CommandError(
            f"{name!r} is no customer number and no identity.",
            fix="A number is C and twelve characters; an identity is phone:+86139…, email:…",
        )
    found = ask("POST", "/v1/customers/lookup", json={"identity": name})
    number: str = found["customer"]
    return number


def link(name: str) -> str:
    """The name of a link, as a command line is given it."""
    if not LINK.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is no link: L and twelve characters.")
    return name


def reason(text: str) -> str:
    """Why somebody does it, as a command line is given it."""
    if len(text.strip()) < SHORTEST_REASON:
        raise typer.BadParameter(f"{text!r} is too short to tell anybody why.")
    return text


def short_name(identity: str) -> str:
    """`phone 3f2a91`: tells two phones apart and fits a line; whole names are in the JSON."""
    kind, _, token = identity.partition(":")
    return f"{kind} {token[:6]}"
