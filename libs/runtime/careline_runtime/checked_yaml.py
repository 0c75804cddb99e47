"""A YAML file that people write, checked against a model; an error names file, line and change."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from careline_runtime.errors import Misconfigured, reason_of

Model = TypeVar("Model", bound=BaseModel)


class Problem(NamedTuple):
    """One thing that is wrong with a file."""

    line: int | None
    """None where no single line is to blame."""
    path: str
    """The names and positions that lead there, joined by dots: `score.spending.weight`."""
    message: str


class Flawed(Misconfigured):
    """The file does not hold; `problems` are for who shows them one by one."""

    def __init__(self, words: str, problems: Sequence[Problem]) -> None:
        super().__init__(words)
        self.problems = problems


def read_checked(model: type[Model], text: str, *, path: str) -> Model:
    """The model that `text` states; raises `Flawed` with file, line and reason."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = Problem(mark and mark.line + 1, "", f"not YAML: {error}")
        raise Flawed(f"{path}: not YAML: {error}", [problem]) from error
    if twice := list(_said_twice(tree)):
        raise _flawed(path, twice)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise _flawed(path, [_problem(tree, flaw) for flaw in error.errors()]) from error


def _flawed(path: str, problems: Sequence[Problem]) -> Flawed:
    each = "\n".join(f"{path}:{line}: {place}: {message}" for line, place, message in problems)
    return Flawed(f"{path} does not hold:\n{each}", problems)


def _problem(tree: yaml.Node | None, flaw: ErrorDetails) -> Problem:
    """Where it is wrong, and what: a check of a whole may say (by `at`) which part is meant."""
    cause = flaw.get("ctx", {}).get("error")
    place = (*flaw["loc"], *getattr(cause, "at", ()))
    return Problem(_line(tree, place), ".".join(map(str, place)), reason_of(flaw))


def _said_twice(node: yaml.Node | None, *place: str) -> Iterator[Problem]:
    """Names that stand twice in one mapping: YAML takes the last one and tells nobody."""
    if isinstance(node, yaml.MappingNode):
        lines: dict[str, int] = {}
        for key, value in node.value:
            here, line = (*place, str(key.value)), key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                yield Problem(line, ".".join(here), f"is said twice, first in line {first}")
            lines[key.value] = line
            yield from _said_twice(value, *here)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield from _said_twice(value, *place, str(position))


def _line(tree: yaml.Node | None, location: tuple[int | str, ...]) -> int:
    """The line of the deepest node on the way to `location` that the file has."""
    node, line = tree, 1
    for step in location:
        if node is None:
            break
        line = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            found = [(k, v) for k, v in node.value if k.value == str(step)]
            if not found:  # missing; or which of several kinds of part it is, which no file says
                continue
            key, node = found[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step] if step < len(node.value) else None
            line = node.start_mark.line + 1 if node is not None else line
        else:
            break
    return line
