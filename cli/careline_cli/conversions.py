"""Text as a file has it into exact values: money, numbers, durations, instants, yes and no.

Each function raises `ValueError` with words for the reject file.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal

DurationUnit = Literal["milliseconds", "seconds", "minutes", "hours", "clock"]
"""What a number of a duration counts; `clock` reads `mm:ss` and `hh:mm:ss`."""

MAX_DIGITS = 20
"""More than any amount has, and less than Decimal computes with exactly (28)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = {
    "milliseconds": Decimal("0.001"),
    "seconds": Decimal(1),
    "minutes": Decimal(60),
    "hours": Decimal(3600),
}
# ISO 4217: the currencies whose smallest unit is not a hundredth
_MINOR_DIGITS = {
    currency: digits
    for digits, currencies in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    )
    for currency in currencies.split()
}
_YES = frozenset({"true", "yes", "y", "1"})
_NO = frozenset({"false", "no", "n", "0"})


def to_decimal(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is not a number")
    if number.adjusted() > MAX_DIGITS or len(number.as_tuple().digits) > MAX_DIGITS:
        raise ValueError(f"{text[:40]!r} is too large or too long")
    return number


def to_whole_number(text: str) -> int:
    return _whole(to_decimal(text), text, "is not a whole number")


def to_minor_units(text: str, currency: str) -> int:
    """Exact: an amount finer than the currency's smallest unit is refused, never rounded."""
    scaled = to_decimal(text).scaleb(_MINOR_DIGITS.get(currency, 2))
    return _whole(scaled, text, f"has more digits than {currency} has")


def in_words(amount_minor: int, currency: str) -> str:
    """`1,200.00 CNY`: the amount in whole units of the currency."""
    digits = _MINOR_DIGITS.get(currency, 2)
    return f"{Decimal(amount_minor).scaleb(-digits):,.{digits}f} {currency}"


def to_seconds(text: str, unit: DurationUnit) -> int:
    """Whole seconds, halves rounded up."""
    if unit == "clock":
        parts = text.split(":")
        if not 2 <= len(parts) <= 3 or not all(part.isdigit() for part in parts):
            raise ValueError(f"{text!r} is not mm:ss or hh:mm:ss")
        seconds = Decimal(0)
        for part in parts:
            seconds = seconds * 60 + int(part)
    else:
        seconds = to_decimal(text) * _SECONDS[unit]
    return int(seconds.to_integral_value(rounding=ROUND_HALF_UP))


def to_yes_or_no(text: str) -> bool:
    word = text.lower()
    if word not in _YES | _NO:
        raise ValueError(f"{text!r} is neither yes nor no")
    return word in _YES


def instant_reader(format: str, zone: tzinfo, at: time | None) -> Callable[[str], datetime]:
    """Reads instants written in `format`: `iso`, `unix`, `unix_ms` or strptime codes.

    A time without an offset is one in `zone`; a date alone means `at` on that day.
    """

    @lru_cache(maxsize=4_096)
    def read(text: str) -> datetime:
        try:
            local = _parse(text, format)
        except (ValueError, OverflowError, OSError):
            raise ValueError(f"{text!r} is not a time of the form {format}") from None
        if at is not None:
            local = datetime.combine(local.date(), at, local.tzinfo)
        if local.tzinfo is None:
            local = local.replace(tzinfo=zone)
        return local

    return read


def _parse(text: str, format: str) -> datetime:
    if format == "iso":
        return datetime.fromisoformat(text)
    if format in {"unix", "unix_ms"}:
        microseconds = to_decimal(text) * (1_000 if format == "unix_ms" else 1_000_000)
        return _EPOCH + timedelta(microseconds=int(microseconds))
    return datetime.strptime(text, format)  # noqa: DTZ007 - the zone follows from the mapping


def _whole(number: Decimal, text: str, otherwise: str) -> int:
    if number != number.to_integral_value():
        raise ValueError(f"{text!r} {otherwise}")
    return int(number)
