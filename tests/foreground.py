"""`careline` in the foreground, as in a terminal: it says what it does, and is told to end."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

LONGEST_END_SECONDS = 60


class Foreground:
    """A command that runs."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr is not None
        self._process = process
        self._said: IO[str] = process.stderr

    def says(self, words: str) -> bool:
        """Waits for a line with these words; False if it ended without."""
        return any(words in line for line in self._said)

    def is_told(self, number: signal.Signals) -> None:
        """Sends a signal."""
        self._process.send_signal(number)

    def ends(self) -> tuple[int, str]:
        """Waits for its end; returns its exit code, and what else it said."""
        said = self._said.read()
        return self._process.wait(timeout=LONGEST_END_SECONDS), said


@contextlib.contextmanager
def in_the_foreground(*arguments: str, home: Path) -> Iterator[Foreground]:
    """`careline` with these arguments; what still runs when the block ends is killed."""
    with subprocess.Popen(
        [sys.executable, "-m", "careline_cli", *arguments],
        env={**os.environ, "CARELINE_HOME": str(home), "COLUMNS": "200"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Foreground(process)
        finally:
            process.kill()
