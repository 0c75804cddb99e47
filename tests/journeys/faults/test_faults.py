"""Crashes lose nothing, repeat nothing and change nothing, neither what is kept nor what is said.

Three runs of one load through all five services, each on a stack of its own:

- `disturbed`: duplicates, late events and poison, while services, broker, database and cache are
  killed (kill -9), stopped for seconds and wiped, and the ways to database, cache and edge are
  slow, silent or cut. A fault strikes when a drawn share of a step's events is out, or as the clock
  moves, as soon as its target has work in hand; how much that was is noted. Units are small, so
  that most polls are handled in two lanes, of which one may have committed when a fault strikes;
- `calm`: the same records in the same order, without faults;
- `ordered`: the same events in the order in which they happened, each once, without poison.

One customer of four comes over HTTP, the others over Kafka. What became of outreach comes beside
it, on a topic of its own, and so does what profile says of the record. What is said by `disturbed`
and `calm` is compared to the byte, for customers whose events lie in one partition (seven of eight;
Kafka gives the others no order). What is kept is compared between all three, without what only
counts publications (versions, revisions, ids made of them), with customers named by their least
identity.
What engagement decided is compared to `ordered` for those of these customers of whom no event
overtook another (four of ten): what is decided depends on what was known when. For the same reason
the load's late events come on their own day and not after a later complaint (`load.py`);
within the day they overtake at will.

The ten invariants that are held afterwards, each named where it is checked:

- I1 every accepted event has one mark in each inbox and one effect: `lost_and_double`, `answered`
- I2 a customer's changes come in order, whatever came late: `order`, `published`
- I3 the topics heard again, from their first record on, give the same: `replayed`
- I4 accepted = handled + put aside, and nothing is left: `lost_and_double`, `dead_letters`
- I5 what time brings about happens once, not early, at its instant: `instants.timers`, `left_over`
- I6 outboxes are empty, and nothing waited there for 30 s while all was up: `left_over`, `liveness`
- I7 state topics end with what the databases have: `state_topics`
- I8 what Valkey keeps, built anew, is what the databases have: `valkey`
- I9 personal data is nowhere in clear: `privacy`
- I10 work falls again within 15 s of the kill of a service, within 5 s of the return of Kafka or
  PostgreSQL, and doesn't stop for Valkey: `liveness`

A failure names its numbers: put them before pytest to see it again. The load and the faults are
then the same; how far each server had come is not, so it may need several runs. For a long run only
numbers change (CONTRIBUTING.md, "The fault run").
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from careline_contracts.topics import TICKET_DIGESTS
from careline_localstack.home import Home
from careline_runtime.keyring import Keyring
from tests.journeys.faults import checks, final_states, instants
from tests.journeys.faults.checks import SHOWN, Input
from tests.journeys.faults.evidence import Evidence
from tests.journeys.faults.load import Load
from tests.journeys.faults.nemesis import draw_faults
from tests.journeys.faults.numbers import Numbers
from tests.journeys.faults.replaying import REPLAYED
from tests.journeys.faults.run import play

pytestmark = pytest.mark.stack

EVENTS_A_UNIT = 150
"""So that two lanes are at work where a fault has left a backlog; in the other runs a poll of this
load never is more than one unit's worth, and what is published must be the same. Units of 25 made
the run twice as long."""
BUSY_SHARE = 0.8
"""So many strikes at least must have met work; the others came while nothing was left to do."""


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
def runs(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Runs]:
    numbers = Numbers.from_environment()
    directory = tmp_path_factory.mktemp("faults")
    keyring = a_keyring(directory / "keys")

    def run(name: str, load: Load, **how: Any) -> Evidence:
        return play(name, load, numbers, directory=directory, keyring=keyring, **how)

    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n{numbers}", file=sys.stderr)  # a worker's stdout is nobody's
    found = Runs(
        numbers,
        Input(numbers.load, Keyring.load(keyring)),
        disturbed=run(
            "disturbed",
            numbers.load,
            faults=draw_faults(numbers),
            events_a_unit=EVENTS_A_UNIT,
        ),
        calm=run("calm", numbers.load),
        ordered=run("ordered", numbers.load.undisturbed()),
    )
    for strike in found.disturbed.strikes:
        print(strike)
    yield found
    for evidence in (found.disturbed, found.calm, found.ordered):
        evidence.said.close()


def a_keyring(directory: Path) -> Path:
    home = Home(directory, environment={})
    home.open()
    return home.keyring_file


def test_every_fault_has_struck_and_no_service_ended_by_itself(runs: Runs) -> None:
    assert len(runs.disturbed.strikes) == runs.numbers.faults
    runs.refute([*runs.disturbed.deaths, *runs.calm.deaths, *runs.ordered.deaths])


def test_faults_strike_what_has_work_in_hand(runs: Runs) -> None:
    busy = sum(strike.work > 0 for strike in runs.disturbed.strikes)
    assert busy >= BUSY_SHARE * runs.numbers.faults


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_what_http_has_taken_is_not_lost(runs: Runs, name: str) -> None:
    runs.refute(checks.answered(getattr(runs, name), runs.sent))


def test_the_window_in_valkey_has_known_duplicates(runs: Runs) -> None:
    assert any(verdict.status == "duplicate" for _, verdict in runs.calm.answers)


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


@pytest.mark.parametrize("service", final_states.FINAL_STATES)
@pytest.mark.parametrize("name", ["disturbed", "calm"])
def test_the_end_is_that_of_an_undisturbed_run(runs: Runs, name: str, service: str) -> None:
    assert len(runs.sent.punctual) > runs.numbers.punctual_share * runs.sent.customers
    runs.refute(final_states.final_state(getattr(runs, name), runs.ordered, service, runs.sent))


@pytest.mark.parametrize("service", REPLAYED)
def test_a_database_that_is_lost_comes_back_from_the_topics(runs: Runs, service: str) -> None:
    runs.refute(final_states.replayed(runs.disturbed, service, runs.sent))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_nothing_waits_to_be_published_and_no_timer_is_overdue(runs: Runs, name: str) -> None:
    runs.refute(checks.left_over(getattr(runs, name)))


def test_work_goes_on_soon_after_every_fault(runs: Runs) -> None:
    runs.refute(checks.liveness(runs.disturbed))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_what_valkey_keeps_is_what_the_databases_have(runs: Runs, name: str) -> None:
    evidence: Evidence = getattr(runs, name)
    assert evidence.taken
    runs.refute(checks.valkey(evidence))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_state_topics_end_with_what_the_services_have(runs: Runs, name: str) -> None:
    runs.refute(final_states.state_topics(getattr(runs, name)))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_all_services_know_the_same_identities_of_a_customer(runs: Runs, name: str) -> None:
    runs.refute(final_states.memberships(getattr(runs, name)))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_what_time_brings_about_happens_once_and_on_time(runs: Runs, name: str) -> None:
    runs.refute(instants.timers(getattr(runs, name)))


@pytest.mark.parametrize("name", ["disturbed", "calm", "ordered"])
def test_personal_data_is_nowhere_in_clear_but_where_it_comes_in(runs: Runs, name: str) -> None:
    evidence: Evidence = getattr(runs, name)
    assert evidence.allowed_in_clear, "the search finds what there is"
    runs.refute(evidence.leaks)


def test_the_story_has_something_of_everything(runs: Runs) -> None:
    """Else the comparisons above would compare little."""
    tables = runs.ordered.tables
    statuses = {row["status"] for row in tables["engagement"]["cases"]}
    assert {"saved", "lost"} <= statuses
    assert {row["tier"] for row in tables["scoring"]["customers"]} >= {"potential", "basic", "edge"}
    assert any(row["breaches"] for row in tables["ticketing"]["tickets"])
    assert tables["engagement"]["aliases"], "customers were merged"
    managers = {"li-na", "wang-wei"}
    assert managers <= {said.key for said in runs.ordered.said[TICKET_DIGESTS.name].values()}
    assert any(orjson.loads(row["record"]) for row in tables["scoring"]["customers"])
    assert runs.sent.answers
