"""The policy's JSON Schema, beside it for editors: `python -m careline_scoring.policy.schema`."""

import json
from pathlib import Path

from careline_scoring.policy import ScoringPolicy

FILE = Path(__file__).parents[1] / "policy.schema.json"


def schema() -> str:
    """The schema as the file holds it."""
    found = ScoringPolicy.model_json_schema()
    found = {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema(), encoding="utf-8")
