"""REC-3: the one form of a value, or in words why there is none."""

import re
import unicodedata
from datetime import date
from zoneinfo import available_timezones

from careline_profile.record.policy import FieldPolicy

_DATE = re.compile(r"(?:(\d{4})|-)[-/.年]?(\d{1,2})[-/.月](\d{1,2})日?|(\d{4})(\d{2})(\d{2})")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{4}))?(?:[-_]([A-Za-z]{2}|[0-9]{3}))?")
OLDEST_YEAR = 1900
A_LEAP_YEAR = 2000


class NoValue(ValueError):
    """What was said can't be a value of the field; the words never repeat it."""


def in_form(said: str, field: FieldPolicy, *, on: date) -> str:
    """The value that was said, in the form of its field; raises `NoValue`.

    `on` is the day on which it was said: nobody is born after it.
    """
    text = " ".join(unicodedata.normalize("NFKC", said).split())
    if not text:
        raise NoValue("empty")
    match field.form:
        case "text":
            return _text(text, field)
        case "choice":
            return _choice(text, field)
        case "date":
            return _date(text, on)
        case "language":
            return _language(text)
        case "time_zone":
            return _time_zone(text)


def month_and_day(date_in_form: str) -> str:
    """`--06-07`, what a date shares."""
    return f"--{date_in_form[-5:]}"


def _text(text: str, field: FieldPolicy) -> str:
    if not text.isprintable():
        raise NoValue("holds control characters")
    if field.pattern and not re.fullmatch(field.pattern, text):
        raise NoValue("is not of the field's form")
    return text


def _choice(text: str, field: FieldPolicy) -> str:
    spelt = text.casefold()
    for value, spellings in field.choices.items():
        if spelt in {value.casefold(), *(other.casefold() for other in spellings)}:
            return value
    raise NoValue(f"is none of {', '.join(field.choices)}")


def _date(text: str, on: date) -> str:
    found = _DATE.fullmatch(text)
    if not found:
        raise NoValue("is not a date, as in 1985-06-07 or --06-07")
    year, month, day = found[1] or found[4], found[2] or found[5], found[3] or found[6]
    try:
        meant = date(int(year or A_LEAP_YEAR), int(month), int(day))
    except ValueError:
        raise NoValue("is no day of the calendar") from None
    if year is None:
        return f"--{meant:%m-%d}"
    if not meant.year >= OLDEST_YEAR or meant > on:
        raise NoValue("lies in the future, or too far back")
    return meant.isoformat()


def _language(text: str) -> str:
    found = _LANGUAGE.fullmatch(text)
    if not found:
        raise NoValue("is not a language tag, as in zh-CN")
    language, script, region = found.groups()
    parts = (language.lower(), script and script.title(), region and region.upper())
    return "-".join(part for part in parts if part)


def _time_zone(text: str) -> str:
    if text not in available_timezones():
        raise NoValue("is not a time zone, as in Asia/Shanghai")
    return text
