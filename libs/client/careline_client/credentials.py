"""How a request proves who sends it: a key, or a signature that is made anew for each try."""

import time
from collections.abc import Generator
from hashlib import blake2b

import httpx

from careline_contracts.signature import (
    ID_HEADER,
    NAME_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    sign,
)

Flow = Generator[httpx.Request, httpx.Response, None]


class Bearer(httpx.Auth):
    """Shows the key that `careline channel create` has made."""

    def __init__(self, key: str) -> None:
        # the error that httpx raises for a bad header would repeat the key
        if not (key.isascii() and key.isprintable()):
            raise ValueError("a key is one line of ASCII")
        self._header = f"Bearer {key}"

    def auth_flow(self, request: httpx.Request) -> Flow:
        request.headers["authorization"] = self._header
        yield request


class Signature(httpx.Auth):
    """Signs as in Standard Webhooks, with the secret of the channel system called `name`."""

    requires_request_body = True

    def __init__(self, name: str, secret: str) -> None:
        sign(secret, id="", timestamp=0, body=b"")  # a secret that can't sign is told at once
        self._name = name
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Flow:
        body = request.content
        id, timestamp = blake2b(body, digest_size=16).hexdigest(), int(time.time())
        request.headers[NAME_HEADER] = self._name
        request.headers[ID_HEADER] = id
        request.headers[TIMESTAMP_HEADER] = str(timestamp)
        request.headers[SIGNATURE_HEADER] = sign(
            self._secret, id=id, timestamp=timestamp, body=body
        )
        yield request


def credentials(key: str, signing: tuple[str, str] | None) -> httpx.Auth | None:
    """Key or signature; raises `ValueError` for both, and for one that can't be right."""
    if key and signing:
        raise ValueError("give a key or a secret to sign with, not both")
    if signing:
        return Signature(*signing)
    return Bearer(key.strip()) if key else None
