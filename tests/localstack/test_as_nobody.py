"""Started by root, PostgreSQL runs as `nobody` and reaches its files, wherever root keeps them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from careline_localstack import as_nobody

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A directory that only root may enter, with two programs in it."""
    directory = tmp_path / "private"
    directory.mkdir(mode=0o700)
    for program in ("id", "test", "cat"):
        shutil.copy(shutil.which(program) or program, directory / program)
    return directory


def run_as_nobody(*command: str | Path, directory: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-I", as_nobody.__file__, *command],
        cwd=directory,
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_program_is_not_root(private: Path) -> None:
    done = run_as_nobody(private / "id", "-un", directory=private)
    assert done.stdout == "nobody\n", done.stderr


def test_it_finds_its_own_programs(private: Path) -> None:
    """PostgreSQL asks access(2), which heeds capabilities only when told to."""
    done = run_as_nobody(private / "test", "-x", private / "test", directory=private)
    assert done.returncode == 0, done.stderr


def test_it_may_not_write_there_and_the_directory_keeps_its_mode(private: Path) -> None:
    done = run_as_nobody(private / "test", "-w", private, directory=private)
    assert done.returncode != 0
    assert private.stat().st_mode & 0o777 == 0o700


def test_where_everyone_may_enter_no_capability_is_kept() -> None:
    done = run_as_nobody("/bin/cat", "/proc/self/status", directory=Path("/"))
    (effective,) = [line for line in done.stdout.splitlines() if line.startswith("CapEff")]
    assert int(effective.split()[1], 16) == 0
