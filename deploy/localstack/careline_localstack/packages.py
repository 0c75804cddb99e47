"""Finds servers that come inside Python packages, without importing those packages.

Importing them costs a quarter of a second and opens lock files; only their binaries are wanted.
"""

from importlib.util import find_spec
from pathlib import Path

from careline_localstack.errors import StackError


def package_directory(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise StackError(
            f"The Python package {name} is not installed.",
            fix="Run ./careline, which installs what the lock file names.",
        )
    return Path(spec.origin).parent
