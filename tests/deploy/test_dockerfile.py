"""The image recipe installs what the lock says, of the service that it is asked for."""

import os
import re
import shutil
import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from careline_contracts.topics import SERVICES, WITH_DATABASE


@pytest.fixture(scope="module")
def dockerfile(root: Path) -> str:
    return (root / "deploy/Dockerfile").read_text("utf-8")


def test_uv_is_the_one_that_the_bootstrap_installs(dockerfile: str, root: Path) -> None:
    [in_image] = re.findall(r"astral-sh/uv:([\d.]+)", dockerfile)
    [in_bootstrap] = re.findall(r'^UV_VERSION = "([\d.]+)"', (root / "careline").read_text(), re.M)

    assert in_image == in_bootstrap


def test_python_is_pinned_and_new_enough(dockerfile: str, root: Path) -> None:
    [version] = re.findall(r"PYTHON_IMAGE=python:(\d+\.\d+)\.\d+-slim", dockerfile)
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]

    assert project["requires-python"] == ">=3.11"
    assert tuple(map(int, version.split("."))) >= (3, 11)


def test_the_build_sees_every_member_of_the_workspace(root: Path) -> None:
    allowed = (root / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    wanted = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    members = [path for pattern in wanted["members"] for path in root.glob(pattern)]
    seen = tuple(root / line[1:] for line in allowed if line.startswith("!"))

    for member in members:
        file = member / "pyproject.toml"
        assert any(file == path or path in file.parents for path in seen), member
    for path in seen:
        assert path.exists(), path


def test_it_installs_from_the_lock_without_tools_and_runs_without_root(dockerfile: str) -> None:
    build, final = dockerfile.split("FROM ${PYTHON_IMAGE}\n")

    assert "uv sync --locked --no-dev --no-editable" in build
    assert "uv" not in re.sub(r"(?m)^#.*$", "", final).replace("urllib", "").split()
    assert re.search(r"^USER \d{5}:\d{5}$", final, re.M)
    assert "/health/live" in final and "HTTP_PORT=8080" in final


@pytest.mark.parametrize("service", SERVICES)
def test_a_wheel_holds_policy_and_migrations(service: str, root: Path, tmp_path: Path) -> None:
    """An image has the wheels, not the checkout: data left out would be missed only there."""
    wheel = build_wheel(f"careline-{service}", root, tmp_path)
    package = f"careline_{service}/"

    assert f"{package}policy.yaml" in wheel
    assert f"{package}__main__.py" in wheel
    if service in WITH_DATABASE:
        assert any(name.startswith(f"{package}migrations/20") for name in wheel)


def test_the_runtime_s_wheel_holds_alembic_s_environment(root: Path, tmp_path: Path) -> None:
    assert "careline_runtime/migrations/env.py" in build_wheel("careline-runtime", root, tmp_path)


def build_wheel(package: str, root: Path, target: Path) -> list[str]:
    cache = Path(os.environ.get("CARELINE_CACHE") or Path.home() / ".cache" / "careline")
    installed = sorted(cache.glob("uv-*/bin/uv"))
    uv = shutil.which("uv") or (str(installed[-1]) if installed else None)
    if uv is None:
        pytest.skip("uv is neither on PATH nor in careline's cache")
    command = [uv, "build", "--quiet", "--offline", "--wheel", "--package", package]
    subprocess.run([*command, "--out-dir", str(target)], cwd=root, check=True, capture_output=True)
    [wheel] = target.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()
