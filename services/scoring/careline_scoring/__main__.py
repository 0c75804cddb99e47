"""`python -m careline_scoring` runs the service."""

from careline_runtime.service import run
from careline_scoring.app import build

if __name__ == "__main__":
    run(build, service="scoring")
