"""One spelling per identity: the same person's phone, however typed, gives the same token."""

import re
import unicodedata
from datetime import date
from functools import lru_cache

import idna
import phonenumbers
from stdnum import luhn
from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_2, mod_97_10
from stdnum.util import clean

from careline_contracts.events.touchpoints import IdentityKind

DEFAULT_REGION = "CN"
"""Where a phone number without a country code is from."""
MAX_LENGTH = 254

# what nearly every channel sends: 0.4 µs instead of the library's 50
_CHINESE_MOBILE = re.compile(r"(?:\+86)?(1[3-9][0-9]{9})")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_ASCII_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")

_SEPARATORS = " -./()"
_COUNTRY = re.compile(r"[A-Z]{2}")
_CARD = re.compile(r"[0-9]{17}[0-9X]")
_FIRST_GENERATION_CARD = re.compile(r"[0-9]{15}")
_ACCOUNT = re.compile(r"(?=.*[0-9])[A-Z0-9]{5,34}")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_UNIONPAY = re.compile(r"62[0-9]{14,17}")


def normalise(kind: IdentityKind, value: str) -> str:
    """The one spelling of an identity; raises `ValueError` with words for the sender.

    The words never repeat the value: they end up in logs and answers.
    """
    value = unicodedata.normalize("NFKC", value).strip()
    if kind == "phone":
        mobile = _CHINESE_MOBILE.fullmatch(value)
        return f"+86{mobile[1]}" if mobile else _phone(value)
    if not value:
        raise ValueError(f"{kind} is empty")
    if len(value) > MAX_LENGTH:
        raise ValueError(f"{kind} is longer than {MAX_LENGTH} characters")
    if not value.isprintable():
        raise ValueError(f"{kind} holds control characters")
    match kind:
        case "email":
            return _email(value)
        case "id_number":
            return _id_number(value)
        case "bank_account":
            return _bank_account(value)
        case _:
            return value


@lru_cache(maxsize=8_192)
def _phone(value: str) -> str:
    """E.164, with the extension where there is one: a company's phones are not one customer.

    A number must be possible (its length fits its country), not known to be in use: numbering
    plans change with every release of the library, and what an event means must not.
    """
    try:
        number = phonenumbers.parse(value, DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        raise ValueError("phone is not a phone number") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("phone has a wrong number of digits for its country")
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164};ext={number.extension}" if number.extension else e164


def _email(value: str) -> str:
    """Lower case, the host as the name service knows it (IDNA).

    What dots and plus signs in a name mean is the provider's to say and to change: nothing is
    guessed, at worst one person has two addresses.
    """
    if not _EMAIL.fullmatch(value):
        raise ValueError("email is not of the form name@host")
    # a change of case can undo NFKC
    name, _, host = unicodedata.normalize("NFKC", value.lower()).partition("@")
    host = host.removesuffix(".")
    if not _ASCII_HOST.fullmatch(host):
        try:
            host = idna.encode(host, uts46=True).decode()
        except UnicodeError:
            raise ValueError("email names a host that can't be one") from None
    return f"{name}@{host}"


def _id_number(value: str) -> str:
    """A Chinese card in its 18 characters; any other document in its letters and digits.

    Which country issued a passport few channels know. Where one does it says so, `US:123456789`,
    and that is another identity than the bare number: two countries may give the same, and two
    people must not become one by it. A bare number is still taken, as most are unique among a
    company's customers, and one that isn't meets what keeps customers apart (other single values).
    """
    country, _, number = unicodedata.normalize("NFKC", value.upper()).rpartition(":")
    country, number = country.strip(), clean(number, _SEPARATORS)
    if country and not _COUNTRY.fullmatch(country):
        raise ValueError("id_number names its country by two letters, as in US:123456789")
    if not number.isalnum():
        raise ValueError("id_number may hold letters, digits, spaces, dashes and brackets")
    if len(number) < 4 or not any(map(str.isdigit, number)):
        raise ValueError("id_number is too short, or has no digit")
    if country in {"", "CN"}:
        if _CARD.fullmatch(number):
            return _checked_card(number)
        if _FIRST_GENERATION_CARD.fullmatch(number) and _is_date(f"19{number[6:12]}"):
            # cards of before 1999, in old customer files: the same person has the long number now
            whole = f"{number[:6]}19{number[6:]}"
            return whole + mod_11_2.calc_check_digit(whole)
    return f"{country}:{number}" if country else number


def _checked_card(number: str) -> str:
    """A resident's card (GB 11643) or, for a company, its credit code (GB 32100).

    Dates and check characters hold for ever; lists of counties and of banks change with every
    release of the library, and what an event means must not.
    """
    if _is_date(number[6:14]) and mod_11_2.is_valid(number):
        return number
    if uscc.is_valid(number):
        return number
    raise ValueError("id_number has a wrong date of birth or check character")


def _is_date(digits: str) -> bool:
    try:
        date.fromisoformat(digits)
    except ValueError:
        return False
    return True


def _bank_account(value: str) -> str:
    """An IBAN or a UnionPay card by its check digits; any other account as it is written.

    Other cards have check digits too, but their first digits are also those of accounts.
    """
    number = clean(value, _SEPARATORS).upper()
    if not _ACCOUNT.fullmatch(number):
        raise ValueError("bank_account is not 5 to 34 letters and digits")
    if _IBAN.fullmatch(number) and not mod_97_10.is_valid(number[4:] + number[:4]):
        raise ValueError("bank_account looks like an IBAN and has wrong check digits")
    if _UNIONPAY.fullmatch(number) and not luhn.is_valid(number):
        raise ValueError("bank_account looks like a UnionPay card and has a wrong check digit")
    return number
