"""The keys of personal data: names an identity by a token, seals a text and opens it again.

A key file is JSON, `{"token_key": …, "seal_keys": {"k1": …}, "current_seal_key": "k1"}`, each key
32 random bytes in base64. New texts are sealed under the current key; the others still open what
they sealed. The token key can't be changed without renaming every identity.
"""

import base64
import binascii
import hmac
from pathlib import Path
from typing import Annotated, NamedTuple, Self

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import (
    AfterValidator,
    Base64Bytes,
    BaseModel,
    ConfigDict,
    StringConstraints,
    ValidationError,
)

from careline_runtime.errors import Misconfigured
from careline_runtime.key_file import KEY_BYTES

TOKEN_BYTES = 16
NONCE_BYTES = 12
TOO_OPEN = 0o027
"""Permission bits that a key file should not have: anything for others, writing for the group."""

log = structlog.get_logger(__name__)


def _has_its_length(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key is {KEY_BYTES} bytes, this is {len(key)}")
    return key


Key = Annotated[Base64Bytes, AfterValidator(_has_its_length)]
KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]


class CannotOpen(ValueError):
    """A sealed text is damaged, belongs to another field, or its key is not in the key file."""


class KeyFile(BaseModel):
    """What a key file holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_key: Key
    seal_keys: dict[KeyId, Key]
    current_seal_key: KeyId


class _SealKey(NamedTuple):
    cipher: AESGCM
    nonce_key: bytes


class Keyring:
    """Tokens (HMAC-SHA256) and sealed texts (AES-256-GCM); a token or a seal costs about 3 µs."""

    def __init__(self, keys: KeyFile) -> None:
        if keys.current_seal_key not in keys.seal_keys:
            raise Misconfigured(f"current_seal_key {keys.current_seal_key} is not in seal_keys")
        self._token_key = keys.token_key
        self._seal_keys = {
            id: _SealKey(AESGCM(key), hmac.digest(key, b"careline seal nonce", "sha256"))
            for id, key in keys.seal_keys.items()
        }
        self._current_id = keys.current_seal_key
        self._current = self._seal_keys[self._current_id]

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The keyring in the file at `path`; raises `Misconfigured` with what to put right."""
        if path is None:
            raise Misconfigured("no key file: set CARELINE_KEYRING to its path")
        try:
            content = path.read_bytes()
            permissions = path.stat().st_mode & 0o777
        except FileNotFoundError as error:
            raise Misconfigured(f"key file {path} does not exist") from error
        except OSError as error:
            raise Misconfigured(f"key file {path} can't be read: {error.strerror}") from error
        if permissions & TOO_OPEN:
            log.warning("key_file_too_open", path=str(path), permissions=oct(permissions))
        try:
            return cls(KeyFile.model_validate_json(content))
        except ValidationError as error:
            # never the input: it is a key
            wrong = "; ".join(
                f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}"
                for e in error.errors(include_input=False, include_context=False)
            )
            raise Misconfigured(f"key file {path}: {wrong}") from None
        except Misconfigured as error:
            raise Misconfigured(f"key file {path}: {error}") from None

    def token(self, kind: str, value: str) -> str:
        """32 hex characters that stand for a normalised identity value and don't reveal it."""
        name = f"{kind}\0{value}".encode()
        return hmac.digest(self._token_key, name, "sha256")[:TOKEN_BYTES].hex()

    def reference(self, kind: str, value: str) -> str:
        """`kind:token`, the name under which every service keeps facts about an identity."""
        return f"{kind}:{self.token(kind, value)}"

    def seal(self, field: str, text: str) -> str:
        """`<key id>.<base64url of nonce and ciphertext>`, which opens for this field only.

        The nonce is derived from field and text (as in SIV), not drawn: the same event published
        twice is then the same bytes, and two different texts meet in a nonce with a chance of
        2^-96. What it gives away is that two sealed values of one field are equal.
        See docs/decisions/0005-deterministic-sealing.md.
        """
        aad, clear = field.encode(), text.encode()
        key = self._current
        nonce = hmac.digest(key.nonce_key, aad + b"\0" + clear, "sha256")[:NONCE_BYTES]
        sealed = nonce + key.cipher.encrypt(nonce, clear, aad)
        return f"{self._current_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, field: str, sealed: str) -> str:
        """The text that `seal(field, text)` sealed; raises `CannotOpen`."""
        key_id, _, encoded = sealed.partition(".")
        key = self._seal_keys.get(key_id)
        if key is None:
            raise CannotOpen(f"sealed under key {key_id[:32]!r}, which is not in the key file")
        try:
            content = base64.b64decode(encoded, altchars=b"-_", validate=True)
            clear = key.cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], field.encode())
        except (binascii.Error, ValueError, InvalidTag) as error:
            raise CannotOpen(f"sealed text of {field!r} is damaged or of another field") from error
        return clear.decode()
