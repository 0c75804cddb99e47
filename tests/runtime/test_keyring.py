"""Keys: tokens compare and reveal nothing, sealed texts open for their field only."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_runtime.errors import Misconfigured
from careline_runtime.key_file import create_key_file
from careline_runtime.keyring import CannotOpen, KeyFile, Keyring


def key(letter: str) -> str:
    return base64.b64encode(letter.encode() * 32).decode()


def key_file(**changes: Any) -> dict[str, Any]:
    content = {"token_key": key("t"), "seal_keys": {"k1": key("s")}, "current_seal_key": "k1"}
    return {**content, **changes}


def keyring(**changes: Any) -> Keyring:
    return Keyring(KeyFile.model_validate(key_file(**changes)))


def test_a_token_is_the_same_in_every_release() -> None:
    token = keyring().token("phone", "+8613912345678")
    assert token == keyring().token("phone", "+8613912345678")
    assert token == "a2de981a3e77c10496d2912f0c7493f1"


def test_kinds_and_keys_keep_tokens_apart() -> None:
    ring = keyring()
    assert ring.token("phone", "7") != ring.token("member_card", "7")
    assert ring.token("phone", "7") != keyring(token_key=key("u")).token("phone", "7")
    assert ring.reference("phone", "7") == f"phone:{ring.token('phone', '7')}"


@given(field=st.text(min_size=1), text=st.text())
def test_what_is_sealed_opens_again_and_is_the_same_each_time(field: str, text: str) -> None:
    ring = keyring()
    sealed = ring.seal(field, text)
    assert ring.open(field, sealed) == text
    assert sealed == keyring().seal(field, text)


@given(one=st.text(), other=st.text())
def test_different_texts_have_different_nonces(one: str, other: str) -> None:
    ring = keyring()
    same = ring.seal("text", one)[:19] == ring.seal("text", other)[:19]
    assert same == (one == other)


def test_a_sealed_text_opens_for_its_field_only() -> None:
    with pytest.raises(CannotOpen, match="of another field"):
        keyring().open("email", keyring().seal("phone", "+8613912345678"))


def test_one_changed_character_is_noticed() -> None:
    ring = keyring()
    sealed = ring.seal("phone", "+8613912345678")
    for place in range(3, len(sealed)):
        for other in "A_":
            damaged = sealed[:place] + other + sealed[place + 1 :]
            if damaged != sealed:
                with pytest.raises(CannotOpen):
                    ring.open("phone", damaged)


@pytest.mark.parametrize("sealed", ["", ".", "k1", "k1.", "k1.!!!!", "k1.AAAA", "k1.é", "k9.AAAA"])
def test_nonsense_can_not_be_opened(sealed: str) -> None:
    with pytest.raises(CannotOpen):
        keyring().open("phone", sealed)


def test_an_old_key_still_opens_what_it_sealed() -> None:
    sealed = keyring().seal("phone", "+8613912345678")
    rotated = keyring(seal_keys={"k1": key("s"), "k2": key("x")}, current_seal_key="k2")
    assert rotated.open("phone", sealed) == "+8613912345678"
    assert rotated.seal("phone", "+8613912345678").startswith("k2.")


def test_a_new_key_file_is_private_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    create_key_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    ring = Keyring.load(path)
    assert ring.open("phone", ring.seal("phone", "7")) == "7"
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        create_key_file(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("{", "Invalid JSON", id="not JSON"),
        pytest.param("{}", "token_key: Field required", id="empty"),
        pytest.param(
            json.dumps(key_file(token_key="c2hvcnQ=")),
            "token_key: .* a key is 32 bytes, this is 5",
            id="a short key",
        ),
        pytest.param(json.dumps(key_file(token_key="###")), "token_key: ", id="not base64"),
        pytest.param(
            json.dumps(key_file(current_seal_key="k2")),
            "current_seal_key k2 is not in seal_keys",
            id="an unknown current key",
        ),
        pytest.param(json.dumps(key_file(salt="x")), "salt: Extra inputs", id="a misspelt name"),
    ],
)
def test_a_wrong_key_file_says_what_is_wrong_and_shows_no_key(
    tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(content)
    with pytest.raises(Misconfigured, match=words) as refused:
        Keyring.load(path)
    assert str(path) in str(refused.value)
    assert "c2hvcnQ=" not in str(refused.value)


def test_a_missing_or_unreadable_key_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="set CARELINE_KEYRING"):
        Keyring.load(None)
    with pytest.raises(Misconfigured, match="does not exist"):
        Keyring.load(tmp_path / "nothing.json")
    with pytest.raises(Misconfigured, match="can't be read: Is a directory"):
        Keyring.load(tmp_path)


def test_a_key_file_that_others_can_read_is_warned_about(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "keys.json"
    create_key_file(path)
    Keyring.load(path)
    assert "key_file_too_open" not in capsys.readouterr().out
    path.chmod(0o644)
    Keyring.load(path)
    assert "key_file_too_open" in capsys.readouterr().out
