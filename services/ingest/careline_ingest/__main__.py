"""`python -m careline_ingest` runs the service."""

from careline_ingest.app import build
from careline_runtime.service import run

if __name__ == "__main__":
    run(build, service="ingest")
