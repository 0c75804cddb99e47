"""What goes to one worker together: all that shares servers and a clock, and nothing for long."""

import re
from pathlib import Path

import pytest

from tests.workers import JOURNEYS, LONGEST_FIRST, unit_of

ROOT = Path(__file__).parents[2]
SHARES_SERVICES = re.compile(r"running_services: LocalStack|pipeline: Pipeline")


@pytest.mark.parametrize("name", LONGEST_FIRST)
def test_what_comes_first_is_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("file", sorted(file for file in LONGEST_FIRST if file != JOURNEYS))
def test_what_goes_by_itself_shares_no_services_with_the_journeys(file: str) -> None:
    assert not SHARES_SERVICES.search((ROOT / file).read_text("utf-8"))


def test_journeys_go_together_and_any_other_file_by_itself() -> None:
    assert unit_of(f"{JOURNEYS}/test_two_channels.py") == JOURNEYS
    for alone in ("tests/scoring/test_rules.py", f"{JOURNEYS}/faults/test_harness.py"):
        assert unit_of(alone) == alone
