"""Habits that no linter knows: who may commit, ask the time or publish; names; first words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = [
    path
    for folder in ("libs", "services", "cli", "deploy")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
SERVICES = [path for path in PRODUCT if path.is_relative_to(ROOT / "services")]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LINES_A_FILE, LINES_A_FUNCTION = 400, 70


def found(pattern: str, paths: list[Path]) -> list[str]:
    """Where `pattern` occurs, as `file:line: text`."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        pytest.param(r"\.(commit|rollback)\(", "the unit of work commits", id="no commit"),
        pytest.param(
            r"AIOKafka|faststream|\.send(_and_wait|_batch)?\(", "unit.say", id="no Kafka client"
        ),
        pytest.param(
            r"datetime\.(now|utcnow|today)|date\.today|time\.time\(", "as_of", id="no wall clock"
        ),
        pytest.param(
            r"\buuid[14]\(|\brandom\.|\bsecrets\.", "ids and choices from data", id="no chance"
        ),
        pytest.param(r"os\.environ|getenv", "careline_runtime.settings", id="no environment"),
        pytest.param(r"\bprint\(|\blogging\.", "structlog", id="no print"),
    ],
)
def test_a_service_leaves_to_the_runtime(pattern: str, instead: str) -> None:
    assert found(pattern, SERVICES) == [], f"use {instead}"


def test_only_the_clock_asks_for_the_time_in_the_runtime() -> None:
    runtime = [path for path in PRODUCT if path.is_relative_to(ROOT / "libs")]
    asks = {place.split(":")[0] for place in found(r"datetime\.now", runtime)}

    # stages.py measures how late we are, which is a figure, not a decision
    assert asks == {
        "libs/runtime/careline_runtime/clock.py",
        "libs/runtime/careline_runtime/stages.py",
    }


def test_every_module_opens_with_what_it_decides_or_promises() -> None:
    silent = [path for path in [*PRODUCT, *TESTS] if path.stat().st_size and not opening(path)]

    assert silent == []


def opening(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").strip()


def test_names_say_what_is_inside() -> None:
    vague = re.compile(r"^_?(utils?|helpers?|common|misc|base|manager|stuff)$")

    assert [path for path in [*PRODUCT, *TESTS] if vague.match(path.stem)] == []


def test_files_and_functions_stay_readable() -> None:
    ours = [*PRODUCT, *TESTS]
    long_files = [p for p in ours if len(p.read_text("utf-8").splitlines()) > LINES_A_FILE]
    long_functions = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in ours
        for node in functions(path)
        if (node.end_lineno or 0) - node.lineno >= LINES_A_FUNCTION
    ]

    assert long_files == []
    assert long_functions == []


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def test_handlers_keep_their_annotations() -> None:
    """`from __future__ import annotations` would hide the event types from FastStream."""
    handlers = [path for path in SERVICES if path.stem == "handlers"]

    assert found(r"from __future__ import annotations", handlers) == []
