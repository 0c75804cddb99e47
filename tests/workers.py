"""Which tests `careline test` gives to one of its workers together, and which it gives out first.

Each worker has servers of its own, so that whole files are given out: tests of one file share what
they have set up. The last file ends the run, so that the longest come first.
"""

from pathlib import PurePosixPath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

JOURNEYS = "tests/journeys"
"""They share five services under a replay clock, which only goes forward: one unit, in order."""

LONGEST_FIRST = (
    "tests/journeys/faults/test_faults.py",
    "tests/journeys/test_demo.py",
    "tests/cli/test_bench.py",
    JOURNEYS,
    "tests/journeys/test_command_line.py",
    "tests/runtime/test_outages.py",
    "tests/cli/test_commands.py",
    "tests/ingest/test_fuzz.py",
)
"""Files of `JOURNEYS` that are named here start a stack of their own."""


def unit_of(file: str) -> str:
    """What is given to one worker together with this file."""
    folder = str(PurePosixPath(file).parent)
    return folder if folder == JOURNEYS and file not in LONGEST_FIRST else file


def longest_first(item: pytest.Item) -> int:
    """The place of a test's unit; all that take no time to speak of are alike."""
    unit = unit_of(_file(item.nodeid))
    return LONGEST_FIRST.index(unit) if unit in LONGEST_FIRST else len(LONGEST_FIRST)


class ByUnit(LoadFileScheduling):  # type: ignore[misc] # xdist has no types
    """Gives out unit by unit, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None) -> None:
        config.option.loadscopereorder = False  # else those with most tests would come first
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(_file(nodeid))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]
