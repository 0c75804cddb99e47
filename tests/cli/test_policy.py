"""`careline policy` without servers: flaws have a line, differences have their reasons."""

import json
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from careline_cli.console import CommandError
from careline_cli.policy import backtest, command
from careline_cli.policy.differences import differences
from careline_cli.policy.models import MODELS, own
from careline_cli.policy.page import page
from careline_runtime.policy import parse_policy
from careline_scoring.backtest import Comparison, Entry, Playbook
from careline_scoring.backtest.course import follow
from careline_scoring.model import Fact
from careline_scoring.rules import Rulebook

SHIPPED = Path(__file__).parents[2] / "services/scoring/careline_scoring/policy.yaml"


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path / "home"))


def run(*arguments: str) -> str:
    """What `careline policy` prints; an expected error is raised."""
    done = CliRunner().invoke(command.app, arguments)
    if done.exception:
        raise done.exception
    return done.stdout


def candidate(folder: Path, *replacements: tuple[str, str]) -> str:
    """The shipped policy with other words, as a file."""
    text = SHIPPED.read_text("utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "candidate.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


FORMER = """
version: a
weights: # sum 100
  spend: 60
  # asked by sales
  visits: 4_0
steps:
  - { at_least: 1, points: 2 } # one
  - { at_least: 5, points: 3 }
kinds: [call, chat]
"""


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        pytest.param("4_0", "40", [], id="notation is no difference"),
        pytest.param("# one", "# the first", [], id="nor is a comment"),
        pytest.param(
            "spend: 60",
            "spend: 55 # less",
            [("weights.spend", 60, 55, 4, "less")],
            id="a number, with the reason beside it",
        ),
        pytest.param(
            "4_0",
            "41",
            [("weights.visits", 40, 41, 6, "asked by sales")],
            id="a number, with the reason above it",
        ),
        pytest.param(
            "  - { at_least: 1, points: 2 } # one\n",
            "",
            [
                ("steps[1].at_least", 1, None, None, ""),
                ("steps[1].points", 2, None, None, ""),
            ],
            id="an entry that is gone moves no others",
        ),
        pytest.param(
            "call, chat",
            "chat, post",
            [
                ("kinds[post]", None, "post", 10, ""),
                ("kinds[call]", "call", None, None, ""),
            ],
            id="entries of a plain list",
        ),
    ],
)
def test_what_differs_is_named_with_its_reason(
    old: str, new: str, found: list[tuple[object, ...]]
) -> None:
    assert [tuple(each) for each in differences(FORMER, FORMER.replace(old, new))] == found


@pytest.mark.parametrize("service", MODELS)
def test_every_service_ships_a_policy_that_holds_and_differs_from_itself_in_nothing(
    service: str, tmp_path: Path
) -> None:
    shown = json.loads(run("show", "--service", service, "--json"))
    assert Path(shown["path"]).read_text("utf-8") == shown["text"] == own(service).text
    assert run("show", "--service", service).rstrip() == shown["text"].rstrip(), "whole lines"
    assert shown["version"] == own(service).version

    checked = json.loads(run("check", shown["path"], "--service", service, "--json"))
    assert checked == {
        "service": service,
        "version": shown["version"],
        "valid": True,
        "problems": [],
    }
    assert json.loads(run("diff", shown["path"], "--service", service, "--json")) == []


def test_a_flaw_is_told_with_its_line_and_reason(tmp_path: Path) -> None:
    path = candidate(tmp_path, ("  interaction:\n    weight: 30", "  interaction:\n    weight: 31"))
    line = Path(path).read_text().splitlines().index("  interaction:") + 1
    with pytest.raises(CommandError) as refused:
        run("check", path)

    assert f"{path}:{line}:" in refused.value.why
    assert "31" in refused.value.why


@pytest.mark.parametrize(
    ("replacements", "problems"),
    [
        pytest.param(
            [("  interaction:\n    weight: 30", "  interaction:\n    weight: 31"), ("7.2", "-1")],
            [
                ("    USD: -1", "money.rates.USD", "greater than 0"),
                ("  interaction:", "score.interaction", "the weight is 31"),
            ],
            id="each flaw by itself",
        ),
        pytest.param(
            [("Asia/Shanghai", "Europe/Berlin")],
            [(None, "", "facts are kept by the day of Asia/Shanghai")],
            id="it may not follow",
        ),
        pytest.param(
            [("tags:\n", "tags: [\n")], [("    high_at_least: 80", "", "not YAML")], id="no YAML"
        ),
    ],
)
def test_a_script_gets_a_list_of_what_is_wrong(
    tmp_path: Path,
    replacements: list[tuple[str, str]],
    problems: list[tuple[str | None, str, str]],
) -> None:
    path = candidate(tmp_path, *replacements)
    done = CliRunner().invoke(command.app, ["check", path, "--json"])
    found = json.loads(done.stdout)

    assert (done.exit_code, found["valid"], found["version"]) == (1, False, None)
    lines = Path(path).read_text("utf-8").splitlines()
    for told, (line, place, words) in zip(found["problems"], problems, strict=True):
        assert told["path"] == place
        assert words in told["message"]
        assert (told["line"] and lines[told["line"] - 1].split(" #")[0]) == line


def test_what_the_service_would_refuse_is_refused_before(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't follow") as refused:
        run("check", candidate(tmp_path, ("Asia/Shanghai", "Europe/Berlin")))

    assert "facts are kept by the day of Asia/Shanghai" in refused.value.why


def test_a_difference_is_shown_with_the_reason_in_the_candidate(tmp_path: Path) -> None:
    path = candidate(tmp_path, ("  hold_days: 30", "  hold_days: 45 # half a quarter #"))
    [found] = json.loads(run("diff", path, "--json"))

    assert (found["path"], found["before"], found["after"]) == ("tier.hold_days", 30, 45)
    assert found["reason"].startswith("half a quarter")
    assert "half a quarter" in run("diff", path)


def test_publishing_needs_a_running_stack(tmp_path: Path) -> None:
    for arguments in (["publish", candidate(tmp_path)], ["history"], ["rollback"]):
        with pytest.raises(CommandError, match="No stack is running"):
            run(*arguments)


def test_a_service_must_be_one_of_ours() -> None:
    assert CliRunner().invoke(command.app, ["show", "--service", "sales"]).exit_code == 2


def test_a_back_test_is_a_page_in_two_languages_and_json() -> None:
    before, after = own("scoring"), own("scoring")
    rules = Rulebook(before.policy, version=before.version)
    changed = after.text.replace("mid_at_least_minor: 2_000_000", "mid_at_least_minor: 20_000")
    loaded = parse_policy(type(before.policy), changed, path="changed")
    other = Rulebook(loaded.policy, version=loaded.version)
    day = date(2026, 3, 1).toordinal()
    found = Comparison([Playbook("win <back>", [Entry("need", "dormant", {})], 60)])
    for n, bought in enumerate((100, 50_000)):
        facts = [Fact(day - 95, "purchase.completed", "CNY", 1, bought)]
        courses = [follow(each, facts, first_day=day - 30, last_day=day) for each in (rules, other)]
        assert courses[0] is not None and courses[1] is not None
        found.add(f"C-{n}", (rules, other), (courses[0], courses[1]), day=day)
    figures = backtest.report(found)
    head = {"live": "a (1)", "candidate": "b (2)", "days": 30, "from": "…", "as_of": "…"}

    assert json.loads(json.dumps(figures)) == figures
    assert (figures["customers"], figures["moved"]) == (2, 1)
    assert figures["flow"] == {"edge": {"basic": 1, "edge": 1}}
    assert figures["distribution"]["now"]["candidate"]["tier"] == {"basic": 1, "edge": 1}
    assert figures["triggered"]["win <back>"] == {"live": 2, "candidate": 2}
    written = page(head | figures)
    assert "win &lt;back&gt;" in written and "http" not in written
    for words in ("value class 价值档", "C-1", "mid value: spend 500.00 CNY", "中价值"):
        assert words in written
    console = Console(record=True, width=120)
    console.print(backtest.shown(head | figures))
    assert "1 in another tier" in console.export_text()
