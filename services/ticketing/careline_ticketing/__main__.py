"""`python -m careline_ticketing` runs the service."""

from careline_runtime.service import run
from careline_ticketing.app import build

if __name__ == "__main__":
    run(build, service="ticketing")
