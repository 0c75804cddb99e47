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

    def fresh() -> str:
        return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()

    keys = {"token_key": fresh(), "seal_keys": {"k1": fresh()}, "current_seal_key": "k1"}
    write_private(path, json.dumps(keys, indent=2) + "\n", replaces=False)


def write_private(path: Path, text: str, *, replaces: bool) -> None:
    """Returns when the disk has it; without `replaces`, raises `FileExistsError`."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
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
