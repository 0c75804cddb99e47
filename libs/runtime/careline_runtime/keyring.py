"""The keys of personal data: names an identity by a token, seals a text and opens it again.

A key file is JSON, `{"token_key": …, "seal_keys": {"k1": …}, "current_seal_key": "k1"}`, each key
32 random bytes in base64. New texts are sealed under the current key; the others still open what
they sealed. The token key can't be changed without renaming every identity. `key_rotation.py`
changes a file, and a service that runs follows it.
"""

import base64
import binascii
import hmac
import time
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
    model_validator,
)

from careline_runtime.errors import Misconfigured
from careline_runtime.key_file import KEY_BYTES

TOKEN_BYTES = 16
NONCE_BYTES = 12
LOOK_EVERY_SECONDS = 1.0
"""So soon a running service seals under a new current key."""
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

    @model_validator(mode="after")
    def _has_the_current_key(self) -> Self:
        if self.current_seal_key not in self.seal_keys:
            raise ValueError(f"current_seal_key {self.current_seal_key} is not in seal_keys")
        return self


class _SealKey(NamedTuple):
    cipher: AESGCM
    nonce_key: bytes


def read_key_file(path: Path | None) -> KeyFile:
    """What the file at `path` holds; raises `Misconfigured` with what to put right."""
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
        return KeyFile.model_validate_json(content)
    except ValidationError as error:
        # never the input: it is a key
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}"
            for e in error.errors(include_input=False, include_context=False)
        )
        raise Misconfigured(f"key file {path}: {wrong}") from None


class Keyring:
    """Tokens (HMAC-SHA256) and sealed texts (AES-256-GCM); a token or a seal costs about 3 µs."""

    def __init__(self, keys: KeyFile) -> None:
        self._take(keys)

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The keyring in the file at `path` as it is now; raises `Misconfigured`."""
        return cls(read_key_file(path))

    @property
    def current_id(self) -> str:
        """The id of the key that seals."""
        return self._current()[0]

    def token(self, kind: str, value: str) -> str:
        """32 hex characters that stand for a normalised identity value and don't reveal it."""
        name = f"{kind}\0{value}".encode()
        return hmac.digest(self._token_key, name, "sha256")[:TOKEN_BYTES].hex()

    def reference(self, kind: str, value: str) -> str:
        """`kind:token`, the name under which every service keeps facts about an identity."""
        return f"{kind}:{self.token(kind, value)}"

    def seal(self, field: str, text: str) -> str:
        """`<key id>.<base64url of nonce and ciphertext>`, which opens for this field only."""
        key_id, sealed = self._sealed(field, text.encode())
        return f"{key_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def seal_bytes(self, field: str, clear: bytes) -> bytes:
        """As `seal`, for what is no text: a third smaller."""
        key_id, sealed = self._sealed(field, clear)
        return b"%b.%b" % (key_id.encode(), sealed)

    def open(self, field: str, sealed: str) -> str:
        """The text that `seal(field, text)` sealed; raises `CannotOpen`."""
        key_id, _, encoded = sealed.partition(".")
        try:
            content = base64.b64decode(encoded, altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise CannotOpen(f"sealed text of {field!r} is damaged") from error
        return self._opened(field, key_id, content).decode()

    def open_bytes(self, field: str, sealed: bytes) -> bytes:
        """What `seal_bytes(field, clear)` sealed; raises `CannotOpen`."""
        key_id, _, content = sealed.partition(b".")
        return self._opened(field, key_id.decode(errors="replace"), content)

    def _sealed(self, field: str, clear: bytes) -> tuple[str, bytes]:
        """The nonce is derived from field and text (as in SIV), not drawn.

        The same event published twice is then the same bytes, and two different texts meet in a
        nonce with a chance of 2^-96. What it gives away is that two sealed values of one field are
        equal. See docs/decisions/0005-deterministic-sealing.md.
        """
        key_id, key = self._current()
        aad = field.encode()
        nonce = hmac.digest(key.nonce_key, aad + b"\0" + clear, "sha256")[:NONCE_BYTES]
        return key_id, nonce + key.cipher.encrypt(nonce, clear, aad)

    def _opened(self, field: str, key_id: str, content: bytes) -> bytes:
        key = self._key(key_id)
        if key is None:
            raise CannotOpen(f"sealed under key {key_id[:32]!r}, which is not in the key file")
        try:
            return key.cipher.decrypt(content[:NONCE_BYTES], content[NONCE_BYTES:], field.encode())
        except (ValueError, InvalidTag) as error:
            raise CannotOpen(f"sealed text of {field!r} is damaged or of another field") from error

    def _take(self, keys: KeyFile) -> None:
        self._token_key = keys.token_key
        self._seal_keys = {
            id: _SealKey(AESGCM(key), hmac.digest(key, b"careline seal nonce", "sha256"))
            for id, key in keys.seal_keys.items()
        }
        self._current_id = keys.current_seal_key

    def _current(self) -> tuple[str, _SealKey]:
        return self._current_id, self._seal_keys[self._current_id]

    def _key(self, key_id: str) -> _SealKey | None:
        return self._seal_keys.get(key_id)


class FollowedKeyring(Keyring):
    """The keyring in a file that may change while the service runs.

    It seals under a new current key within a second, and opens what was sealed under a key that it
    hasn't heard of by looking at once. A look is a `stat` (2 µs): the file is read only when it has
    changed, so sealed garbage costs nothing. A file that can't be used is logged, and the keys that
    were good go on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        # before reading: what is written in between is seen by the next look
        self._version = _version(path)
        self._look_again_at = time.monotonic() + LOOK_EVERY_SECONDS
        super().__init__(read_key_file(path))

    @classmethod
    def load(cls, path: Path | None) -> Self:
        """The keyring in the file at `path`, from now on; raises `Misconfigured`."""
        if path is None:
            raise Misconfigured("no key file: set CARELINE_KEYRING to its path")
        return cls(path)

    def _current(self) -> tuple[str, _SealKey]:
        if time.monotonic() >= self._look_again_at:
            self._look()
        return super()._current()

    def _key(self, key_id: str) -> _SealKey | None:
        if key_id not in self._seal_keys:
            self._look()
        return super()._key(key_id)

    def _look(self) -> None:
        self._look_again_at = time.monotonic() + LOOK_EVERY_SECONDS
        version = _version(self._path)
        if version == self._version:
            return
        self._version = version
        try:
            keys = read_key_file(self._path)
        except Misconfigured as error:
            log.error("key_file.refused", reason=str(error), action="the keys of before go on")
            return
        if keys.token_key != self._token_key:
            words = "another token key would make a stranger of every customer"
            log.error("key_file.refused", reason=words, action="the keys of before go on")
            return
        self._take(keys)
        log.info("key_file.read", current=self._current_id, keys=sorted(self._seal_keys))


def _version(path: Path) -> tuple[int, int, int] | None:
    """Differs for each content of the file; None while it can't be seen."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_ino, seen.st_mtime_ns, seen.st_size
