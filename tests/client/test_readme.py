"""Every example of the client's page runs, against a real ingest, and prints what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.client.conftest import Careline

pytestmark = pytest.mark.stack

PAGE = (Path(__file__).parents[2] / "libs/client/README.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n```\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_every_example_says_what_it_prints() -> None:
    assert len(EXAMPLES) == PAGE.count("```python") == 3


def test_the_examples_print_what_they_say(ingest_url: str, careline: Careline) -> None:
    till = ("--channel", "store", "--source")
    environment = {
        **os.environ,
        "INGEST": ingest_url,
        "CARELINE_KEY": careline("channel", "create", "till-3", *till, "/store/3")["key"],
        "SECRET": careline("channel", "create", "till-4", *till, "/store/4", "--signed")["key"],
    }
    for code, printed in EXAMPLES:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == (printed, "")
