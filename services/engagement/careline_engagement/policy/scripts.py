"""Scripts: what is said, per channel and purpose, in the customer's language (CARE-4).

Jinja templates in a sandbox, checked when the policy is read: a variable that nobody fills in is
refused there, not found out by a customer.
"""

from functools import lru_cache
from typing import Annotated, Self

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import AfterValidator, Field, model_validator

from careline_engagement.policy.words import Name, Part

VARIABLES = frozenset({"name", "tier", "key", "reason", "product", "manager"})
"""What a script may speak of. `name` becomes `$name`, for the channel to fill in: engagement knows
no names."""
LANGUAGES = ("zh", "en")

# no autoescape: what is written here is text, and a channel that makes HTML of it escapes it
_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)


def _a_template(text: str) -> str:
    try:
        tree = _ENVIRONMENT.parse(text)
    except TemplateSyntaxError as error:
        raise ValueError(f"line {error.lineno} of the script: {error.message}") from error
    if unknown := meta.find_undeclared_variables(tree) - VARIABLES:
        known = ", ".join(sorted(VARIABLES))
        raise ValueError(f"nobody fills in {', '.join(sorted(unknown))}; there are {known}")
    return text


TemplateText = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(_a_template)]


@lru_cache(maxsize=1_000)
def _compiled(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


class Wording(Part):
    """A script in one language."""

    subject: TemplateText | None = None
    body: TemplateText
    slow: TemplateText | None = None
    """What is said instead of `body` to whom nothing may be said fast (TAG-4)."""


class Rendered(Part):
    """What is said to one customer."""

    language: Name
    subject: str | None
    body: str


class Script(Part):
    """A script in every language that it has."""

    wordings: dict[Name, Wording]

    @model_validator(mode="before")
    @classmethod
    def _by_language(cls, written: object) -> object:
        """Written without a word of its own: `{ zh: …, en: … }`."""
        return {"wordings": written}

    @model_validator(mode="after")
    def _has_the_house_languages(self) -> Self:
        if missing := [language for language in LANGUAGES if language not in self.wordings]:
            raise ValueError(f"there is no wording in {', '.join(missing)}")
        slow = {language for language, wording in self.wordings.items() if wording.slow}
        if slow and (missing := sorted(self.wordings.keys() - slow)):
            raise ValueError(f"there is no slower wording in {', '.join(missing)}")
        return self

    def render(
        self, language: str | None, variables: dict[str, str], *, slowly: bool = False
    ) -> Rendered:
        """In the customer's language, or the first of the house's; slowly, if it is worded so."""
        short = (language or "").split("-")[0]
        spoken = short if short in self.wordings else LANGUAGES[0]
        wording = self.wordings[spoken]
        filled = dict.fromkeys(VARIABLES, "") | variables
        subject, body = wording.subject, (slowly and wording.slow) or wording.body
        return Rendered(
            language=spoken,
            subject=_compiled(subject).render(filled) if subject else None,
            body=_compiled(body).render(filled),
        )
