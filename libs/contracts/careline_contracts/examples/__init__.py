"""One or more events of every type, each the whole CloudEvent that a sender would send."""

import json
from pathlib import Path
from typing import Any

from careline_contracts.payload import Payload
from careline_contracts.schemas import file_name

FOLDER = Path(__file__).parent


def examples(payload: type[Payload]) -> list[dict[str, Any]]:
    """The examples of `payload`, in the JSON event format."""
    events: list[dict[str, Any]] = json.loads(
        (FOLDER / file_name(payload)).read_text(encoding="utf-8")
    )
    return events
