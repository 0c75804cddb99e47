"""`python -m careline_scoring` runs the service."""

from careline_runtime.service import run
from careline_scoring.app import build

run(build, service="scoring")
