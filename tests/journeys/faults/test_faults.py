"""Crashes lose nothing, repeat nothing and change nothing, neither what is kept nor what is said.

Three runs of one load through all five services, each on a stack of its own:

- `disturbed`: duplicates, late events and poison, while services, broker and database are killed
  (kill -9), stopped for seconds and wiped at drawn instants;
- `calm`: the same records in the same order, without faults;
- `ordered`: the same events in the order in which they happened, each once, without poison.

What is said by `disturbed` and `calm` is compared to the byte, for customers whose events lie in
one partition (seven of eight; Kafka gives the others no order). What is kept is compared between
all three, without what only counts publications (versions, revisions, ids made of them), with
customers named by their least identity, and retention cases again for those customers only: a case
depends on what was known when. For the same reason the load's late events come on their own day
and not after a later complaint (`careline_cli.load`); within the day they overtake at will.

A failure names its seed: put the numbers that it prints before pytest to see it again. The load
and the faults' instants are then the same; how far each server had come is not, so it may need
several runs. For a long run only numbers change, e.g. 1,000,000 events and 500 faults
(`numbers.py` has them all).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from careline_cli.load import Load
from careline_localstack.home import Home
from careline_runtime.keyring import Keyring
from tests.journeys.faults import checks
from tests.journeys.faults.checks import SHOWN, Input
from tests.journeys.faults.evidence import Evidence
from tests.journeys.faults.nemesis import Fault, draw_faults
from tests.journeys.faults.numbers import Numbers
from tests.journeys.faults.run import play

pytestmark = pytest.mark.stack


@dataclass(frozen=True, repr=False)
class Runs:
    """The three runs, and what was sent in them."""

    numbers: Numbers
    sent: Input
    disturbed: Evidence
    calm: Evidence
    ordered: Evidence

    def refute(self, problems: list[str]) -> None:
        """Fails with the first problems, and how to see them again."""
        if problems:
            more = f"… and {len(problems) - SHOWN} more" * (len(problems) > SHOWN)
            pytest.fail("\n".join([str(self.numbers), *problems[:SHOWN], more]), pytrace=False)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Runs:
    numbers = Numbers.from_environment()
    directory = tmp_path_factory.mktemp("faults")
    keyring = a_keyring(directory / "keys")
    faults = draw_faults(
        numbers.seed,
        count=numbers.faults,
        steps=numbers.steps,
        longest_pause_seconds=numbers.longest_pause_seconds,
    )

    def run(name: str, load: Load, faults: Sequence[Fault] = ()) -> Evidence:
        return play(name, load, numbers, directory=directory, keyring=keyring, faults=faults)

    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{numbers}")
    found = Runs(
        numbers,
        Input(numbers.load, Keyring.load(keyring)),
        disturbed=run("disturbed", numbers.load, faults),
        calm=run("calm", numbers.load),
        ordered=run("ordered", numbers.load.undisturbed()),
    )
    for strike in found.disturbed.strikes:
        print(f"{strike.fault}, {strike.healed_seconds:.1f} s")
    return found


def a_keyring(directory: Path) -> Path:
    home = Home(directory, environment={})
    home.open()
    return home.keyring_file


def test_every_fault_has_struck_and_no_service_ended_by_itself(runs: Runs) -> None:
    assert len(runs.disturbed.strikes) == runs.numbers.faults
    runs.refute([*runs.disturbed.deaths, *runs.calm.deaths, *runs.ordered.deaths])


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_nothing_is_lost_and_nothing_counts_twice(runs: Runs, name: str) -> None:
    runs.refute(checks.lost_and_double(getattr(runs, name), runs.sent))


@pytest.mark.parametrize("name", ["disturbed", "calm"])
def test_poison_is_put_aside_with_its_reason_and_nothing_else(runs: Runs, name: str) -> None:
    assert runs.sent.refused
    runs.refute(checks.dead_letters(getattr(runs, name), runs.sent))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_changes_are_numbered_without_gaps_and_in_order(runs: Runs, name: str) -> None:
    runs.refute(checks.order(getattr(runs, name)))


def test_crashes_do_not_show_in_what_is_published(runs: Runs) -> None:
    assert len(runs.sent.steady) > 0.8 * runs.sent.customers
    runs.refute(checks.published(runs.disturbed, runs.calm, runs.sent))


@pytest.mark.parametrize("service", checks.FINAL_STATES)
@pytest.mark.parametrize("name", ["disturbed", "calm"])
def test_the_end_is_that_of_an_undisturbed_run(runs: Runs, name: str, service: str) -> None:
    runs.refute(checks.final_state(getattr(runs, name), runs.ordered, service, runs.sent))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_nothing_waits_to_be_published_and_no_timer_is_overdue(runs: Runs, name: str) -> None:
    runs.refute(checks.left_over(getattr(runs, name)))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_state_topics_end_with_what_the_services_have(runs: Runs, name: str) -> None:
    runs.refute(checks.state_topics(getattr(runs, name)))


def test_the_story_has_something_of_everything(runs: Runs) -> None:
    """Else the comparisons above would compare little."""
    tables = runs.ordered.tables
    statuses = {row["status"] for row in tables["engagement"]["cases"]}
    assert {"saved", "lost"} <= statuses
    assert {row["tier"] for row in tables["scoring"]["customers"]} >= {"potential", "basic", "edge"}
    assert any(row["breaches"] for row in tables["ticketing"]["tickets"])
    assert tables["engagement"]["aliases"], "customers were merged"
