"""`deploy/new-secrets` makes all that the compose file asks for, and never makes it again."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from careline_runtime.keyring import Keyring

VARIABLE = re.compile(r"\$\{(\w+)")
ASSIGNED = re.compile(r"^#?(\w+)=(.*)$", re.MULTILINE)


@pytest.fixture
def made(root: Path, tmp_path: Path) -> Path:
    run(root, tmp_path, expected=0)
    return tmp_path


def run(root: Path, target: Path, *, expected: int) -> None:
    bare_python = [sys.executable, "-I", "-S"]  # no package is installed where it runs
    command = [*bare_python, str(root / "deploy/new-secrets"), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stderr


def test_the_example_names_every_variable_and_no_other(root: Path, compose_text: str) -> None:
    example = (root / ".env.example").read_text("utf-8")

    assert {name for name, _ in ASSIGNED.findall(example)} == set(VARIABLE.findall(compose_text))


def test_what_must_be_set_is_set(made: Path, compose_text: str) -> None:
    values = dict(ASSIGNED.findall((made / ".env").read_text()))
    required = set(re.findall(r"\$\{(\w+):\?", compose_text))

    passwords = [values[name] for name in required]
    assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in passwords)
    assert len(set(passwords)) == len(passwords)
    assert re.fullmatch(r"[1-9]\d*:\d+", values["CARELINE_USER"])


def test_the_key_file_opens_what_it_sealed_and_is_private(made: Path) -> None:
    path = made / "deploy/secrets/keyring.json"
    keyring = Keyring.load(path)

    assert keyring.open("name", keyring.seal("name", "Li Wei")) == "Li Wei"
    assert [p.stat().st_mode & 0o777 for p in (path, made / ".env")] == [0o600, 0o600]


def test_secrets_are_never_replaced(made: Path, root: Path) -> None:
    before = (made / ".env").read_text()
    run(root, made, expected=1)

    assert (made / ".env").read_text() == before


def test_git_does_not_see_them(root: Path) -> None:
    ignored = (root / ".gitignore").read_text().splitlines()

    assert {".env", "deploy/secrets/"} <= set(ignored)
