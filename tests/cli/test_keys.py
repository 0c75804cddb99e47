"""`careline keys` on a key file: ids are shown, keys never, and nothing in use is taken out."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careline_cli import keys
from careline_cli.console import CommandError
from careline_runtime.key_file import create_key_file


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keyring.json"
    create_key_file(path)
    monkeypatch.setenv("CARELINE_KEYRING", str(path))
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path / "home"))
    return path


def run(*arguments: str) -> str:
    """What `careline keys` prints; an expected error is raised."""
    done = CliRunner().invoke(keys.app, arguments)
    if done.exception:
        raise done.exception
    return done.stdout


def ids(path: Path) -> dict[str, bool]:
    listed = run("list", "--json")
    held = json.loads(path.read_text())
    assert not [key for key in (held["token_key"], *held["seal_keys"].values()) if key in listed]
    return {key["id"]: key["current"] for key in json.loads(listed)}


def test_a_rotation_from_add_to_use(path: Path) -> None:
    assert ids(path) == {"k1": True}
    added = json.loads(run("add", "--json"))["id"]
    assert ids(path) == {"k1": True, added: False}
    run("use", added)
    assert ids(path) == {"k1": False, added: True}
    assert "everything new" in run("list")


def test_mistakes_are_explained_and_change_nothing(path: Path) -> None:
    before = path.read_bytes()
    for arguments, words in (
        (("use", "k9"), "there is no seal key k9"),
        (("retire", "k9"), "there is no seal key k9"),
        (("retire", "k1"), "k1 is the current key"),
    ):
        with pytest.raises(CommandError) as refused:
            run(*arguments)
        assert words in refused.value.why
    assert path.read_bytes() == before


def test_a_key_is_not_retired_where_nobody_can_look_for_what_it_sealed(path: Path) -> None:
    added = json.loads(run("add", "--json"))["id"]
    with pytest.raises(CommandError, match="No stack is running here"):
        run("retire", added)
    assert added in ids(path)


def test_without_a_key_file_it_says_where_one_comes_from(path: Path) -> None:
    path.unlink()
    with pytest.raises(CommandError) as refused:
        run("list")
    assert "does not exist" in refused.value.why
    assert "careline up" in refused.value.fix
