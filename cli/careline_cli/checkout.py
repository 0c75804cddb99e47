"""Where this command works: the checkout it belongs to, and the home that holds its state."""

import os
from pathlib import Path

from careline_localstack import LocalStack

ROOT = Path(__file__).resolve().parents[2]


def home_directory() -> Path:
    """CARELINE_HOME, or `.careline` in the checkout."""
    chosen = os.environ.get("CARELINE_HOME")
    return Path(chosen) if chosen else ROOT / ".careline"


def local_stack() -> LocalStack:
    return LocalStack(home_directory())
