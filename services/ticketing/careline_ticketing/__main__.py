"""`python -m careline_ticketing` runs the service."""

from careline_runtime.service import run
from careline_ticketing.app import build

run(build, service="ticketing")
