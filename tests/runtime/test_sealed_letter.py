"""A sealed dead letter shows what and why, hides whom, and opens to the byte."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_contracts.dead_letters import SEALED
from careline_contracts.envelope import Record
from careline_runtime.keyring import CannotOpen, KeyFile, Keyring
from careline_runtime.sealed_letter import open_dead_letter, seal_dead_letter

KEY = base64.b64encode(bytes(32))
KEYRING = Keyring(KeyFile(token_key=KEY, seal_keys={"k1": KEY}, current_seal_key="k1"))
TOPIC = "careline.ingest.dead-letters.v1"
MARKS = [("dlq_reason", b"invalid_field"), ("dlq_offset", b"41")]


def a_letter(
    *,
    key: str | bytes = b"+8613912345678",
    headers: list[tuple[str, bytes]] | None = None,
    value: bytes | None = b'{"text":"my card is 6222021234567894"}',
) -> Record:
    return Record(TOPIC, key, [*(headers or []), *MARKS], value)


names = st.text(max_size=8).filter(lambda name: not name.startswith("dlq_"))


@given(
    key=st.just("") | st.binary(max_size=40),
    headers=st.lists(
        st.tuples(names | st.sampled_from(["ce_id", "ce_type"]), st.none() | st.binary())
    ),
    value=st.none() | st.binary(max_size=200),
)
def test_what_is_sealed_opens_to_the_byte(
    key: str | bytes, headers: list[tuple[str, bytes]], value: bytes | None
) -> None:
    letter = a_letter(key=key, headers=headers, value=value)
    assert open_dead_letter(seal_dead_letter(letter, KEYRING), KEYRING) == letter


def test_nothing_that_names_a_customer_is_left_in_clear() -> None:
    headers = [
        ("ce_id", b"7"),
        ("ce_source", b"/till"),
        ("x-customer", b"Li Na"),
        ("ce_type", b"t"),
    ]
    sealed = seal_dead_letter(a_letter(headers=headers), KEYRING)

    assert sealed.key == ""
    assert sealed.headers == [
        ("ce_id", b"7"),
        ("ce_source", b"/till"),
        ("ce_type", b"t"),
        *MARKS,
        (SEALED, b"1"),
    ]
    for secret in (b"13912345678", b"6222021234567894", b"Li Na"):
        assert secret not in (sealed.value or b"")


def test_the_same_letter_is_sealed_to_the_same_bytes() -> None:
    """A crash publishes it twice; and a replay of the log is compared to the byte."""
    assert seal_dead_letter(a_letter(), KEYRING) == seal_dead_letter(a_letter(), KEYRING)


def test_a_letter_that_is_not_sealed_is_opened_as_it_is() -> None:
    assert open_dead_letter(a_letter(), KEYRING) == a_letter()


@pytest.mark.parametrize("value", [None, b"", b"k1.", b"k9.AAAA", b"k1." + bytes(40), b"\xff.\xff"])
def test_what_is_damaged_is_not_opened(value: bytes | None) -> None:
    damaged = Record(TOPIC, "", [*MARKS, (SEALED, b"1")], value)
    with pytest.raises(CannotOpen):
        open_dead_letter(damaged, KEYRING)
