"""Which policy is in force at an instant, whatever was heard in between, in any order, twice."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_contracts.events.operations import PolicyPublished
from careline_runtime import followed_policy, metrics
from careline_runtime.followed_policy import BEFORE_ALL, FollowedPolicy
from careline_runtime.policy import Loaded, Policy
from careline_runtime.settings import ServiceSettings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Greeting(Policy):
    version: str
    words: str
    language: str = "en"


def made(loaded: Loaded[Greeting]) -> list[str]:
    """Something with an identity, as a service would make it of a policy."""
    return [loaded.policy.words]


def keeps_its_language(former: Greeting, candidate: Greeting) -> str:
    return "" if former.language == candidate.language else "language: texts are kept in it"


Followed = FollowedPolicy[Greeting, list[str]]


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> Followed:
    """A service `greeting`, whose own policy says good morning."""

    def own(model: type[Greeting], *, package: str, settings: ServiceSettings) -> Loaded[Greeting]:
        return Loaded(Greeting(version="own", words="good morning"), "own (1)", "", "own.yaml")

    monkeypatch.setattr(followed_policy, "load_policy", own)
    return FollowedPolicy(
        Greeting,
        package="careline_greeting",
        settings=ServiceSettings(),
        make=made,
        forbids=keeps_its_language,
    )


def hear(
    followed: Followed, words: str, *, hour: int, service: str = "greeting", more: str = ""
) -> None:
    published = PolicyPublished(
        service=service,
        version=words,
        effective_at=NOON + timedelta(hours=hour),
        text=f"version: v\nwords: {words}\n{more}",
    )
    followed.hear(published.key, published.to_json())


def unreadable() -> float:
    [family] = metrics.policies_unreadable.collect()
    return family.samples[0].value


def words_at(followed: Followed, hour: float) -> str:
    return followed.timeline.at(NOON + timedelta(hours=hour))[0]


@pytest.mark.parametrize(
    "order", list(permutations(((1, "hello"), (2, "good day"), (3, "good bye"))))
)
def test_the_policy_at_an_instant_is_the_last_published_from_before_it(
    followed: Followed, order: tuple[tuple[int, str], ...]
) -> None:
    for hour, words in order:
        hear(followed, words, hour=hour)

    assert words_at(followed, 0.9) == "good morning"
    assert words_at(followed, 1) == "hello", "from its instant on"
    assert words_at(followed, 2.9) == "good day"
    assert words_at(followed, 3) == words_at(followed, 99) == "good bye"


def test_the_next_change_is_the_first_later_instant(followed: Followed) -> None:
    after = followed.timeline.next_after
    assert after(NOON) is None

    hear(followed, "hello", hour=1)
    hear(followed, "good bye", hour=3)

    after = followed.timeline.next_after
    assert after(NOON) == NOON + timedelta(hours=1)
    assert after(NOON + timedelta(hours=1)) == NOON + timedelta(hours=3)
    assert after(NOON + timedelta(hours=3)) is None


@given(st.lists(st.integers(0, 50), unique=True), st.integers(-1, 51))
def test_nothing_changes_before_the_next_change(hours: list[int], asked: int) -> None:
    editions = [
        followed_policy.Edition(at, str(at), "", "", str(at))
        for at in [BEFORE_ALL, *(NOON + timedelta(hours=hour) for hour in hours)]
    ]
    timeline = followed_policy.Timeline(editions)
    instant = NOON + timedelta(hours=asked)
    change = timeline.next_after(instant)

    if change is not None:
        just_before = change - timedelta(microseconds=1)
        assert timeline.at(instant) == timeline.at(just_before) != timeline.at(change)
    else:
        assert timeline.at(instant) == timeline.editions[-1].made


def test_a_unit_keeps_the_timeline_that_it_began_with(followed: Followed) -> None:
    timeline = followed.timeline
    hear(followed, "hello", hour=1)

    assert timeline.at(NOON + timedelta(hours=2)) == ["good morning"]


def test_heard_again_what_was_made_of_it_is_the_same_object(followed: Followed) -> None:
    hear(followed, "hello", hour=1)
    before = followed.timeline.at(NOON + timedelta(hours=1))
    hear(followed, "hello", hour=1)

    assert followed.timeline.at(NOON + timedelta(hours=1)) is before


@pytest.mark.parametrize(
    "more",
    [
        pytest.param("wrods: hi", id="a misspelt name"),
        pytest.param("language: [", id="not YAML"),
        pytest.param("language: zh", id="a change that the service forbids"),
    ],
)
def test_what_cannot_be_read_is_left_out_loudly_until_it_is_put_right(
    followed: Followed, more: str
) -> None:
    hear(followed, "hello", hour=1)
    hear(followed, "good bye", hour=2, more=more)

    assert words_at(followed, 3) == "hello"
    assert unreadable() == 1
    [key] = followed.describe(NOON)["unreadable"]
    assert key == "greeting/2026-03-01T14:00:00Z"

    hear(followed, "good bye", hour=2)
    assert words_at(followed, 3) == "good bye"
    assert unreadable() == 0


def test_other_services_policies_and_tombstones_are_not_ours(followed: Followed) -> None:
    hear(followed, "hello", hour=1, service="farewell")
    followed.hear("greeting/2026-03-01T14:00:00Z", None)
    followed.hear("", b"")

    assert words_at(followed, 9) == "good morning"


def test_a_policy_is_described_with_what_is_to_come(followed: Followed) -> None:
    hear(followed, "hello", hour=1)
    before, after = (followed.describe(NOON + timedelta(hours=hour)) for hour in (0, 1))

    assert (before["version"], before["effective_at"], before["path"]) == (
        "own (1)",
        None,
        "own.yaml",
    )
    assert [each["effective_at"] for each in before["coming"]] == ["2026-03-01T13:00:00Z"]
    assert after["path"] == "careline.policies.v1: greeting/2026-03-01T13:00:00Z"
    assert after["text"].startswith("version: v") and after["coming"] == []
