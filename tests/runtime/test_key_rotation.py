"""Keys are rotated while services run: nothing that was sealed is lost, and no key is shown."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from careline_runtime import keyring
from careline_runtime.errors import Misconfigured
from careline_runtime.key_file import create_key_file, new_key
from careline_runtime.key_rotation import (
    NotPossible,
    add_seal_key,
    retire_seal_key,
    use_seal_key,
)
from careline_runtime.keyring import CannotOpen, FollowedKeyring, Keyring

PHONE = "+8613912345678"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    create_key_file(path)
    return path


@pytest.fixture
def looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "LOOK_EVERY_SECONDS", 0.0)


def new_current_key(path: Path) -> str:
    key_id = add_seal_key(path)
    use_seal_key(path, key_id)
    return key_id


class TestTheFile:
    def test_a_key_is_known_before_it_is_used_and_used_before_the_old_one_goes(
        self, path: Path
    ) -> None:
        before = Keyring.load(path)
        token = before.token("phone", PHONE)
        added = add_seal_key(path)
        assert Keyring.load(path).current_id == "k1"
        use_seal_key(path, added)
        after = Keyring.load(path)
        assert after.current_id == added
        assert after.open("phone", before.seal("phone", PHONE)) == PHONE
        assert after.token("phone", PHONE) == token

        retire_seal_key(path, "k1")
        with pytest.raises(CannotOpen, match="'k1', which is not in the key file"):
            Keyring.load(path).open("phone", before.seal("phone", PHONE))

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda path: retire_seal_key(path, "k1"), "k1 is the current key"),
            (lambda path: retire_seal_key(path, "k9"), "there is no seal key k9; there are k1"),
            (lambda path: use_seal_key(path, "k9"), "there is no seal key k9; there are k1"),
        ],
    )
    def test_what_can_not_be_done_changes_nothing(
        self, path: Path, change: object, words: str
    ) -> None:
        before = path.read_bytes()
        with pytest.raises(NotPossible, match=words):
            change(path)  # type: ignore[operator]
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]

    def test_a_broken_file_is_left_for_a_person(self, path: Path) -> None:
        path.write_text("{")
        with pytest.raises(Misconfigured, match="Invalid JSON"):
            add_seal_key(path)
        assert path.read_text() == "{"

    @pytest.mark.parametrize("mode", [0o600, 0o640])
    def test_the_file_keeps_its_mode_and_owner(self, path: Path, mode: int) -> None:
        path.chmod(mode)
        if os.geteuid() == 0:
            os.chown(path, 10_001, 10_002)
        before = path.stat()
        add_seal_key(path)
        after = path.stat()
        assert (after.st_mode, after.st_uid, after.st_gid) == (
            before.st_mode,
            before.st_uid,
            before.st_gid,
        )

    def test_a_link_stays_a_link(self, path: Path, tmp_path: Path) -> None:
        link = tmp_path / "link.json"
        link.symlink_to(path)
        added = add_seal_key(link)
        assert link.is_symlink()
        assert added in json.loads(path.read_text())["seal_keys"]

    def test_two_commands_at_once_lose_neither_key(self, path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            added = list(pool.map(add_seal_key, [path] * 16))
        assert set(json.loads(path.read_text())["seal_keys"]) == {"k1", *added}


@settings(max_examples=40)
@given(steps=st.lists(st.sampled_from(["add", "use", "seal"]), max_size=12), data=st.data())
def test_what_was_sealed_stays_open_through_any_sequence_of_add_and_use(
    steps: list[str], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "keyring.json"
        create_key_file(path)
        reader, known, sealed = FollowedKeyring.load(path), ["k1"], dict[str, str]()
        for step in steps:
            if step == "add":
                known.append(add_seal_key(path))
            elif step == "use":
                use_seal_key(path, data.draw(st.sampled_from(known)))
            else:
                text = data.draw(st.text())
                sealed[Keyring.load(path).seal("text", text)] = text
        for ring in (reader, Keyring.load(path)):
            assert {one: ring.open("text", one) for one in sealed} == sealed


class TestARunningService:
    @pytest.fixture
    def reads(self, monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
        """The key file as often as it was read."""
        found: list[Path | None] = []

        def counted(path: Path | None) -> keyring.KeyFile:
            found.append(path)
            return read(path)

        read = keyring.read_key_file
        monkeypatch.setattr(keyring, "read_key_file", counted)
        return found

    def test_seals_under_the_new_current_key_when_its_second_is_over(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 100.0
        monkeypatch.setattr(time, "monotonic", lambda: now)
        ring = FollowedKeyring.load(path)
        new = new_current_key(path)
        now += 0.99
        assert ring.seal("phone", PHONE).startswith("k1.")
        now += 0.02
        assert ring.seal("phone", PHONE).startswith(f"{new}.")

    def test_opens_what_a_key_sealed_that_it_has_not_heard_of(self, path: Path) -> None:
        ring = FollowedKeyring.load(path)
        new_current_key(path)
        other = Keyring.load(path)
        assert ring.open("phone", other.seal("phone", PHONE)) == PHONE
        assert ring.open_bytes("letter", other.seal_bytes("letter", b"\xff")) == b"\xff"

    def test_reads_the_file_once_a_change_whatever_garbage_it_is_given(
        self, path: Path, reads: list[Path | None]
    ) -> None:
        ring = FollowedKeyring.load(path)
        for changes in range(3):
            for n in range(50):
                with pytest.raises(CannotOpen, match="not in the key file"):
                    ring.open("phone", f"garbage{n}.AAAA")
            assert len(reads) == 1 + changes
            add_seal_key(path)

    @pytest.mark.usefixtures("looks_always")
    @pytest.mark.parametrize("harm", ["broken", "gone", "another token key"])
    def test_goes_on_with_its_keys_when_the_file_is_of_no_use_and_says_so_once(
        self, path: Path, harm: str
    ) -> None:
        ring = FollowedKeyring.load(path)
        good = path.read_text()
        if harm == "gone":
            path.unlink()
        elif harm == "broken":
            path.write_text("{")
        else:
            path.write_text(json.dumps(json.loads(good) | {"token_key": new_key()}))
        token = ring.token("phone", PHONE)
        with structlog.testing.capture_logs() as logs:
            for _ in range(3):
                assert ring.open("phone", ring.seal("phone", PHONE)) == PHONE
        assert [log["event"] for log in logs] == ["key_file.refused"]
        assert ring.token("phone", PHONE) == token

        path.write_text(good)
        path.chmod(0o600)
        new = new_current_key(path)
        assert ring.current_id == new

    def test_never_logs_a_key(self, path: Path) -> None:
        ring = FollowedKeyring.load(path)
        add_seal_key(path)
        content = json.loads(path.read_text())
        with structlog.testing.capture_logs() as logs, pytest.raises(CannotOpen):
            ring.open("phone", "k9.AAAA")
        said = json.dumps(logs)
        assert "key_file.read" in said
        assert not [key for key in content["seal_keys"].values() if key in said]
