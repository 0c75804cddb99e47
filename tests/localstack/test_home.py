"""The home refuses what it cannot use, says why, and never deletes what is not its own."""

import base64
import json
import os
import shutil
import stat
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from careline_localstack import StackError
from careline_localstack.home import Home
from careline_runtime.key_file import create_key_file

DiskUsage = namedtuple("DiskUsage", "total used free")


def test_keys_are_made_once_and_are_private(tmp_path: Path) -> None:
    home = Home(tmp_path, environment={})
    home.open()
    keyring = json.loads(home.keyring_file.read_text())
    assert stat.S_IMODE(home.keyring_file.stat().st_mode) == 0o600
    assert set(keyring) == {"token_key", "seal_keys", "current_seal_key"}
    assert len(base64.b64decode(keyring["token_key"])) == 32
    assert len(base64.b64decode(keyring["seal_keys"][keyring["current_seal_key"]])) == 32
    Home(tmp_path, environment={}).open()
    assert json.loads(home.keyring_file.read_text()) == keyring


def test_a_keyring_from_the_environment_is_used_and_must_exist(tmp_path: Path) -> None:
    keyring = tmp_path / "mine.json"
    home = Home(tmp_path / "home", environment={"CARELINE_KEYRING": str(keyring)})
    with pytest.raises(StackError, match="is not there"):
        home.open()
    create_key_file(keyring)
    home.open()
    assert home.keyring_file == keyring
    assert not (tmp_path / "home" / "keyring.json").exists()


def test_an_empty_name_of_a_keyring_is_none(tmp_path: Path) -> None:
    home = Home(tmp_path, environment={"CARELINE_KEYRING": ""})
    home.open()
    assert home.keyring_file == tmp_path / "keyring.json"


@pytest.mark.parametrize("name", ["keyring.json", "passwords.json"])
@pytest.mark.parametrize("content", ["", "{}", '{"token_key', "[]", None])
def test_secrets_that_cannot_be_read_are_never_made_a_second_time(
    tmp_path: Path, name: str, content: str | None
) -> None:
    home = Home(tmp_path, environment={})
    home.open()
    home.password("profile")
    (tmp_path / name).unlink()
    if content is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text(content)
    with pytest.raises(StackError, match=rf"{name} cannot be read.* Put back a copy"):
        home.open()
        home.password("profile")
    assert content is None or (tmp_path / name).read_text() == content


def test_secrets_are_on_the_disk_before_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda number: synced.add(os.fstat(number).st_ino))
    home = Home(tmp_path, environment={})
    home.open()
    assert {home.keyring_file.stat().st_ino, tmp_path.stat().st_ino} <= synced
    synced.clear()
    home.password("profile")
    assert {(tmp_path / "passwords.json").stat().st_ino, tmp_path.stat().st_ino} <= synced


def test_topics_and_logs_are_private_in_a_directory_that_is_not(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "data").mkdir(mode=0o755)
    home = Home(tmp_path, environment={})
    home.open()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (home.data, home.logs)] == [0o700] * 2


def test_ports_and_passwords_are_remembered(tmp_path: Path) -> None:
    first, second = (Home(tmp_path, environment={}) for _ in range(2))
    first.open()
    assert first.port("kafka", variable="K") == second.port("kafka", variable="K")
    assert first.password("profile") == second.password("profile")
    assert first.password("profile") != first.password("scoring")


def test_a_port_from_the_environment_wins(tmp_path: Path) -> None:
    home = Home(tmp_path, environment={"CARELINE_KAFKA_PORT": "19092"})
    home.open()
    assert home.port("kafka", variable="CARELINE_KAFKA_PORT") == 19092


@pytest.mark.parametrize("nonsense", ["", "0", "65536", "kafka"])
def test_a_port_that_is_none_is_refused(tmp_path: Path, nonsense: str) -> None:
    home = Home(tmp_path, environment={"CARELINE_KAFKA_PORT": nonsense or "-"})
    with pytest.raises(StackError, match="is not a port number"):
        home.port("kafka", variable="CARELINE_KAFKA_PORT")


def test_a_full_disk_is_refused_up_front(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**10, 10**10, 3 * 10**6))
    with pytest.raises(StackError, match="has 3 MB free; 1000 MB are needed"):
        Home(tmp_path, environment={}).open()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_the_home_of_another_user_is_refused_by_name(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    with pytest.raises(StackError, match=r"belongs to nobody, and you are root"):
        Home(tmp_path, environment={}).open()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_home_is_explained(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(StackError, match="cannot be written"):
        Home(tmp_path, environment={}).open()


def test_wiping_leaves_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("to keep")
    home = Home(tmp_path, environment={})
    home.open()
    home.wipe()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_directory_that_held_nothing_else_is_removed_with_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "demo", environment={})
    home.open()
    home.remove()
    assert not home.root.exists()
    home.remove()


def test_a_directory_that_holds_something_else_is_kept(tmp_path: Path) -> None:
    home = Home(tmp_path, environment={})
    home.open()
    (tmp_path / "letter.txt").write_text("to keep")
    home.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_the_second_command_waits_for_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path, environment={})
    home.open()
    waits, entered = threading.Event(), threading.Event()

    def second_command() -> None:
        with Home(tmp_path, environment={}).lock(lambda _: waits.set()):
            entered.set()

    thread = threading.Thread(target=second_command)
    with home.lock(lambda _: None):
        thread.start()
        assert waits.wait(timeout=10)
        assert not entered.is_set()
    assert entered.wait(timeout=10)
    thread.join()
