"""Changes a key file: a seal key more, another current one, one taken out; whole or not at all.

The order of a rotation is add, use, and much later retire. After `add` the key is known to
everybody who has the file, before anything is sealed under it.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from careline_runtime.key_file import new_key, write_private
from careline_runtime.keyring import read_key_file


class NotPossible(ValueError):
    """The key file is as it was; the text says why."""


def add_seal_key(path: Path) -> str:
    """Adds a fresh seal key and returns its id, which was never used before."""
    with _changed(path) as content:
        key_id = f"k{secrets.token_hex(4)}"
        content["seal_keys"][key_id] = new_key()
    return key_id


def use_seal_key(path: Path, key_id: str) -> None:
    """From now on texts are sealed under this key; the others still open theirs."""
    with _changed(path) as content:
        _require(key_id, content)
        content["current_seal_key"] = key_id


def retire_seal_key(path: Path, key_id: str) -> None:
    """Takes a key out for ever: what it sealed can't be opened any more."""
    with _changed(path) as content:
        _require(key_id, content)
        if key_id == content["current_seal_key"]:
            raise NotPossible(f"{key_id} is the current key: everything new is sealed under it")
        del content["seal_keys"][key_id]


def _require(key_id: str, content: dict[str, Any]) -> None:
    if key_id not in content["seal_keys"]:
        raise NotPossible(
            f"there is no seal key {key_id}; there are {', '.join(content['seal_keys'])}"
        )


@contextmanager
def _changed(path: Path) -> Iterator[dict[str, Any]]:
    """What the file holds, to be changed; one at a time, written only if nothing was raised."""
    path = path.resolve()  # where a link leads: the link stays
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        read_key_file(path)
        content = json.loads(path.read_bytes())
        yield content
        write_private(path, json.dumps(content, indent=2) + "\n", replaces=True)
    finally:
        os.close(directory)
