"""A dead letter's event as a person reads and edits it: attributes, and data as JSON where it is.

What was edited is written back in the mode it came in; what was not edited keeps its bytes.
"""

import difflib
import json
import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from careline_cli.console import CommandError
from careline_contracts.envelope import Record

INDENT = 2


def readable(record: Record) -> str:
    """The event as JSON text: `attributes`, other `headers`, and `data` or `text`.

    Bytes that are no UTF-8 are shown as `\\xff`: such an event can be read, but not edited.
    """
    headers = [(name, value or b"") for name, value in record.headers]
    attributes = {
        name.removeprefix("ce_"): _text(value) for name, value in headers if name.startswith("ce_")
    }
    others = {name: _text(value) for name, value in headers if not name.startswith(("ce_", "dlq_"))}
    content: dict[str, Any] = {"attributes": attributes, "headers": others}
    body = _text(record.value or b"")
    try:
        content["data"] = json.loads(body)
    except ValueError:
        content["text"] = body
    return json.dumps(content, indent=INDENT, ensure_ascii=False) + "\n"


def edited(record: Record, text: str) -> Record:
    """The record with what `text` (as `readable` gives it) says; raises `CommandError`."""
    try:
        content = json.loads(text)
        attributes, others = content["attributes"], content["headers"]
        value = (
            json.dumps(content["data"], ensure_ascii=False, separators=(",", ":"))
            if "data" in content
            else content["text"]
        )
        headers = [
            *((f"ce_{name}", str(value).encode()) for name, value in attributes.items()),
            *((name, str(value).encode()) for name, value in others.items()),
            *((name, value) for name, value in record.headers if name.startswith("dlq_")),
        ]
        return record._replace(headers=headers, value=str(value).encode())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(
            "What was edited can't be read.",
            why=f"{type(error).__name__}: {error}",
            fix="It is JSON with attributes, headers, and data or text; nothing was sent.",
        ) from error


def ask_editor(text: str) -> str:
    """What a person makes of `text` in $VISUAL or $EDITOR; the file is theirs alone, and goes."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory(prefix="careline-") as folder:
        file = Path(folder) / "event.json"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run([*shlex.split(editor), str(file)], check=False)
        if done.returncode != 0:
            raise CommandError(
                f"{editor} ended with {done.returncode}.",
                fix="Name another editor in EDITOR; nothing was sent.",
            )
        return file.read_text(encoding="utf-8")


def difference(before: str, after: str) -> list[str]:
    """The lines that differ, as `diff` shows them."""
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "before", "after", n=1, lineterm=""
    )
    return list(lines)


def refuse_to_edit_bytes(record: Record) -> None:
    """Raises `CommandError` for a record that is not all UTF-8: editing would change the rest."""
    try:
        for part in (record.value, *(value for _, value in record.headers)):
            (part or b"").decode()
    except UnicodeDecodeError as error:
        raise CommandError(
            "The record is not all UTF-8 text, so it can't be edited.",
            fix="Replay it without --edit once whoever reads it can.",
        ) from error


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")
