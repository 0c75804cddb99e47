"""`python -m careline_profile` runs the service."""

from careline_profile.app import build
from careline_runtime.service import run

if __name__ == "__main__":
    run(build, service="profile")
