"""The keys of channel systems: shown once to a person, kept so that a reader can't use them.

A bearer key is `careline_<id>_<secret>`; of its 256 random bits only a SHA-256 is kept, which is
enough for a secret that nobody can guess. A signing secret must be known to check a signature: it
is sealed under the keyring.
"""

import base64
import hmac
import secrets
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from careline_contracts.events.operations import ChannelKey
from careline_contracts.signature import SECRET_PREFIX
from careline_runtime.keyring import Keyring

_PREFIX = "careline"
_SEALED_AS = "channel signing secret"


class NewKey(NamedTuple):
    """A fresh key: `text` is shown to a person once, `key` is what is published."""

    text: str
    key: ChannelKey


def new_bearer_key(at: datetime) -> NewKey:
    """A key that is sent as it is, over TLS."""
    id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    key = ChannelKey(id=id, kind="bearer", secret=_digest(secret), created_at=at)
    return NewKey(f"{_PREFIX}_{id}_{secret}", key)


def new_signing_secret(at: datetime, keyring: Keyring) -> NewKey:
    """A secret that never travels: requests are signed with it."""
    text = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
    sealed = keyring.seal(_SEALED_AS, text)
    key = ChannelKey(id=secrets.token_hex(4), kind="signature", secret=sealed, created_at=at)
    return NewKey(text, key)


def split_bearer_key(text: str) -> tuple[str, str] | None:
    """Id and secret of a bearer key; None if `text` is none."""
    prefix, _, rest = text.partition("_")
    id, _, secret = rest.partition("_")
    return (id, secret) if prefix == _PREFIX and id and secret else None


def opens(key: ChannelKey, secret: str, *, at: datetime) -> bool:
    """Whether a bearer key's secret is the one of `key`, and the key is valid at `at`."""
    return hmac.compare_digest(_digest(secret), key.secret) and is_valid(key, at=at)


def is_valid(key: ChannelKey, *, at: datetime) -> bool:
    """Whether the key has not expired at `at`."""
    return key.expires_at is None or at < key.expires_at


def signing_secret(key: ChannelKey, keyring: Keyring) -> str:
    """The secret that requests are signed with; raises `CannotOpen`."""
    return keyring.open(_SEALED_AS, key.secret)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
