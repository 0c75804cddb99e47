"""`python -m careline_engagement` runs the service."""

from careline_engagement.app import build
from careline_runtime.service import run

if __name__ == "__main__":
    run(build, service="engagement")
