"""Gives services clocks that are wrong: Python runs this first in every process that finds it.

A folder on `PYTHONPATH`, so that the product needs no setting that only a test would use.
"""

import json
import os
import sys
from datetime import datetime, timedelta

VARIABLE = "CLOCKS_OFF_BY_SECONDS"
"""JSON: by how much the clock of each service is ahead, or behind."""

_service = sys.orig_argv[-1].removeprefix("careline_")
_seconds = json.loads(os.environ.get(VARIABLE, "{}")).get(_service)

if _seconds:
    from careline_runtime.clock import SystemClock

    _right = SystemClock.now

    def _wrong(clock: SystemClock) -> datetime:
        return _right(clock) + timedelta(seconds=_seconds)

    setattr(SystemClock, "now", _wrong)  # noqa: B010 (mypy takes no other function for a method)
