"""What is left of a value for those who may not see it whole: enough to compare, not to use."""

_KEPT_AT_END = 4


def mask(field: str, value: str) -> str:
    """`value` with its telling part starred out; how, depends on what the field holds."""
    match field:
        case "phone":
            return _phone(value)
        case "email":
            name, _, host = value.partition("@")
            return f"{name[:1]}***@{host}"
        case "name":
            return f"{value[:1]}{'*' * min(len(value) - 1, 3)}" if len(value) > 1 else "*"
        case "birthday":
            return f"****{value[4:]}" if len(value) == len("2000-01-31") else "****"
        case "id_number" | "bank_account" | "member_card" | "crm_number":
            return _end(value)
        case _:
            return "***"


def _phone(value: str) -> str:
    """`139****5670`: what people in a call read to each other."""
    number = value.removeprefix("+86")
    return f"{number[:3]}****{number[-_KEPT_AT_END:]}" if len(number) > 8 else "****"


def _end(value: str) -> str:
    """The last characters, of values that are long enough not to be given away by them."""
    hidden = len(value) - _KEPT_AT_END
    return "*" * hidden + value[-_KEPT_AT_END:] if hidden >= _KEPT_AT_END else "****"
