"""Documents keep up with the code: links lead somewhere, and commands exist with their options."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer
import yaml
from typer.core import TyperGroup

from careline_cli.app import COMMANDS, app

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
PACKAGES = {
    path.name: path
    for place in ("cli", "libs/*", "services/*", "deploy/*")
    for path in ROOT.glob(f"{place}/careline_*")
}
FOLDERS = ("cli", "deploy", "docs", "examples", "libs", "services", "tests")
SHELL_ENDS = {"|", "&&", ";", ">", "<", "\\"}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), target
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), target


@pages
def test_files_that_are_named_are_there(page: Path) -> None:
    """`docs/…` from the root, `careline_scoring/…` from the folder of the package."""
    for span in SPAN.findall(page.read_text("utf-8")):
        folder, _, rest = span.partition("/")
        if re.fullmatch(r"[\w./-]*\w", rest) and folder in {*PACKAGES, *FOLDERS}:
            assert (PACKAGES.get(folder, ROOT / folder) / rest).exists(), span


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_decisions_are_listed_and_say_when_to_look_again() -> None:
    folder = ROOT / "docs/decisions"
    decisions = sorted(folder.glob("[0-9]*.md"))
    listed = LINK.findall((folder / "README.md").read_text("utf-8"))

    assert listed == [page.name for page in decisions]
    for number, page in enumerate(decisions, 1):
        assert page.name.startswith(f"{number:04}-"), page.name
        text = page.read_text("utf-8")
        assert text.startswith(f"# {number:04} · ") and "**Revisit when**" in text, page.name


@pages
def test_commands_exist(page: Path) -> None:
    for words in commands(page.read_text("utf-8")):
        match words:
            case ["./careline" | "careline", name, *arguments]:
                check_careline(name, arguments)
            case ["python" | "python3", "-m", module, *_] if module.startswith("careline"):
                assert importlib.util.find_spec(module), module
            case ["docker", "compose", "exec" | "logs", *rest]:
                names = [w for w in rest if not w.startswith(("-", "<", "/")) and not w.isdigit()]
                assert names[:1] == [] or names[0] in containers(), words
            case [program, *_] if program.startswith(("./", "deploy/", "tests/")):
                assert (ROOT / program).exists(), program


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_in_help_exist(name: str) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    command = group.get_command(typer.Context(group), name)
    assert command is not None
    examples = (command.help or "").partition("[bold]Examples[/]")[2]
    found = [words for words in in_shell(examples.splitlines()) if words[:1] == ["careline"]]
    assert found
    for _, shown, *arguments in found:
        check_careline(shown, arguments)


def test_pre_commit_runs_what_check_runs() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    [hook] = config["repos"][0]["hooks"]

    assert hook["entry"] == "./careline check"
    check_careline("check", [])


def test_ci_checks_before_it_tests() -> None:
    script = (ROOT / ".ci/run").read_text("utf-8")
    found = re.findall(r"^(?:exec )?\./careline (\w+)", script, re.MULTILINE)

    assert found == ["check", "test"]


def check_careline(name: str, arguments: list[str]) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    if name.startswith(("-", "SUB", "…")):
        return
    command = group.get_command(typer.Context(group), name)
    assert command is not None, f"careline {name}"
    if isinstance(command, TyperGroup) and arguments and not arguments[0].startswith("-"):
        name, arguments = f"{name} {arguments[0]}", arguments[1:]
        command = command.commands.get(name.split()[-1])
        assert command is not None, f"careline {name}"
    if command.context_settings.get("ignore_unknown_options"):
        return
    options = {"--help", "-h"}.union(*(parameter.opts for parameter in command.params))
    given = {argument.split("=")[0] for argument in arguments if argument.startswith("-")}
    assert given <= options, f"careline {name}: {given - options}"
    for argument in arguments:
        if re.match(r"\w[^:<]*/", argument):
            assert (ROOT / argument).exists(), f"careline {name}: {argument}"


def commands(text: str) -> Iterator[list[str]]:
    """Commands in shell blocks and in code spans, each up to a pipe or redirection."""
    blocks = FENCE.findall(text)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += [span for span in SPAN.findall(FENCE.sub("", text)) if " " in span]
    return in_shell(lines)


def in_shell(lines: list[str]) -> Iterator[list[str]]:
    """The words of each command in these lines."""
    for line in lines:
        for part in re.split(r"\s(?:&&|\|\|?|;)\s", line.removeprefix("$ ")):
            try:
                words = shlex.split(part, comments=True)
            except ValueError:  # prose in a code span, not a command
                continue
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                del words[0]
            ends = [i for i, word in enumerate(words) if word[:1] in {">", "<"} and i]
            yield words[: ends[0]] if ends else words


def containers() -> set[str]:
    return set(yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"])
