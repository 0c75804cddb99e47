"""`python -m careline_profile` runs the service."""

from careline_profile.app import build
from careline_runtime.service import run

run(build, service="profile")
