"""A YAML file that people write, checked against a model; an error names file, line and change."""

from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from careline_runtime.errors import Misconfigured

Model = TypeVar("Model", bound=BaseModel)


def read_checked(model: type[Model], text: str, *, path: str) -> Model:
    """The model that `text` states; raises `Misconfigured` with file, line and reason."""
    try:
        document = yaml.safe_load(text)
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path}: not YAML: {error}") from error
    try:
        return model.model_validate(document)
    except ValidationError as error:
        flaws = "\n".join(
            f"{path}:{_line(tree, place)}: {'.'.join(map(str, place))}: {_words(flaw)}"
            for flaw in error.errors()
            for place in [_place(flaw)]
        )
        raise Misconfigured(f"{path} does not hold:\n{flaws}") from error


def _place(flaw: ErrorDetails) -> tuple[int | str, ...]:
    """Where it is wrong: a check of a whole may say (by `at`) which of its parts is meant."""
    cause = flaw.get("ctx", {}).get("error")
    return (*flaw["loc"], *getattr(cause, "at", ()))


def _words(flaw: ErrorDetails) -> str:
    """What is wrong, without pydantic's word for who found it."""
    return flaw["msg"].removeprefix("Value error, ")


def _line(tree: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to `location` that the file has."""
    node, line = tree, 1
    for step in location:
        if node is None:
            break
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(step)]
            if not found:
                break
            key, node = found[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step] if step < len(node.value) else None
            line = node.start_mark.line + 1 if node is not None else line
        else:
            break
    return line
