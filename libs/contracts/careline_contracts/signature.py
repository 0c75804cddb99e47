"""Signed requests as in Standard Webhooks: who has the secret vouches for id, time and body.

The header `webhook-signature` holds one or more signatures `v1,<base64>`, so that two secrets can
be valid at once. What travels in other headers is not signed: sign structured mode and batches.
"""

import base64
import binascii
import hmac
from collections.abc import Iterable

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
NAME_HEADER = "careline-channel"
"""Which channel system signs: the specification leaves open whose secret it is."""

SECRET_PREFIX = "whsec_"  # noqa: S105 (what secrets begin with)


def sign(secret: str, *, id: str, timestamp: int, body: bytes) -> str:
    """The signature of a request; `secret` is `whsec_` and base64, `timestamp` in Unix seconds.

    Raises `ValueError` if `secret` is not of that form.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a signing secret is whsec_ and base64") from error
    signed = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


def is_signed(
    secrets: Iterable[str], signatures: str, *, id: str, timestamp: int, body: bytes
) -> bool:
    """Whether one of `signatures` (the header: separated by spaces) is by one of `secrets`."""
    given = [signature.encode() for signature in signatures.split(" ")]
    expected = [sign(s, id=id, timestamp=timestamp, body=body).encode() for s in secrets]
    return any(hmac.compare_digest(one, other) for one in given for other in expected)
