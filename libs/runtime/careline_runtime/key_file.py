"""Files that hold secrets: whole or not there, kept through a power cut, their owner's only.

Nothing but the standard library is used: `deploy/new-secrets` runs before anything is installed.
"""

import base64
import json
import os
import secrets
from pathlib import Path

KEY_BYTES = 32


def create_key_file(path: Path) -> None:
    """Writes fresh random keys; raises `FileExistsError` and leaves an existing file alone."""

    keys = {"token_key": new_key(), "seal_keys": {"k1": new_key()}, "current_seal_key": "k1"}
    write_private(path, json.dumps(keys, indent=2) + "\n", replaces=False)


def new_key() -> str:
    """A key as a key file has it."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def write_private(path: Path, text: str, *, replaces: bool) -> None:
    """Returns when the disk has it; without `replaces`, raises `FileExistsError`.

    What is replaced hands on its owner and mode: a service runs as another user.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        if replaces and path.exists():
            before = path.stat()
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), before.st_mode & 0o777)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        if replaces:
            draft.replace(path)
        else:
            os.link(draft, path)  # the only move that never overwrites, not even in a race
    finally:
        draft.unlink(missing_ok=True)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
