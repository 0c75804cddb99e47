"""The one error of the local stack: it says what happened, why, and what to do."""


class StackError(Exception):
    """Something a person can put right; shown without a traceback."""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(" ".join(part for part in (what, why, fix) if part))
        self.what = what
        self.why = why
        self.fix = fix
