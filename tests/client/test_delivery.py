"""How long a delivery waits and when it gives up, by a clock that the test moves."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from careline_client import Event, NotSent, Unavailable
from careline_client.batches import batches
from careline_client.delivery import Delivery, Pause, Post
from tests.client.script import Line, a_reply

GONE = httpx.ConnectError("connection refused")


def busy(status: int = 503, **headers: str) -> httpx.Response:
    return httpx.Response(status, headers={n.replace("_", "-"): v for n, v in headers.items()})


class Patient:
    """Carries a delivery out; waiting takes no time but the clock's."""

    def __init__(self, *, patience_seconds: float = 300.0, chance: float = 0.0) -> None:
        self.now = 0.0
        self.pauses: list[float] = []
        self.reasons: list[str] = []
        self._delivery = Delivery(
            patience_seconds, monotonic=lambda: self.now, chance=lambda: chance
        )

    def deliver(self, event: Event, lines: Sequence[Line]) -> None:
        """The answers as they are written, the last one for ever; raises `NotSent`."""
        answers = list(lines)
        [batch] = batches([event])
        for step in self._delivery.deliver(batch):
            if isinstance(step, Post):
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                assert isinstance(answer, httpx.Response | httpx.RequestError)
                step.answer = answer
            elif isinstance(step, Pause):
                self.pauses.append(step.seconds)
                self.reasons.append(step.reason)
                self.now += step.seconds


TAKEN = httpx.Response(202, json=[{"id": "1", "status": "accepted"}])


@pytest.mark.parametrize(
    ("answers", "pauses"),
    [
        pytest.param([TAKEN], [], id="none, when it is taken"),
        pytest.param([GONE, GONE, GONE, TAKEN], [0.2, 0.4, 0.8], id="doubling"),
        pytest.param([busy(retry_after="7"), TAKEN], [7.0], id="as long as it asks"),
        pytest.param([busy(retry_after="0"), TAKEN], [0.2], id="never at once"),
        pytest.param(
            [GONE, GONE, busy(429, retry_after="3"), GONE, TAKEN],
            [0.2, 0.4, 3.0, 1.6],
            id="what it asks counts once",
        ),
        pytest.param([busy(retry_after="soon"), TAKEN], [0.2], id="what can't be read is left out"),
        *(
            pytest.param([busy(status), TAKEN], [0.2], id=str(status))
            for status in (408, 429, 500, 502, 503, 504)
        ),
    ],
)
def test_pauses(answers: list[Line], pauses: list[float]) -> None:
    patient = Patient()

    patient.deliver(a_reply(1), answers)

    assert patient.pauses == pytest.approx(pauses)


def test_a_pause_stops_growing_at_half_a_minute() -> None:
    patient = Patient()

    patient.deliver(a_reply(1), [*(busy() for _ in range(12)), TAKEN])

    assert max(patient.pauses) == 30.0
    assert patient.pauses[-3:] == [30.0] * 3


def test_a_pause_is_up_to_half_as_long_again_and_never_shorter_than_asked() -> None:
    answers: list[Line] = [GONE, busy(retry_after="8"), TAKEN]
    pauses = []
    for chance in (0.0, 0.5, 1.0):
        patient = Patient(chance=chance)
        patient.deliver(a_reply(1), answers)
        pauses.append(patient.pauses)

    assert pauses == [
        pytest.approx([0.2, 8.0]),
        pytest.approx([0.25, 10.0]),
        pytest.approx([0.3, 12.0]),
    ]


def test_a_date_to_come_back_at_is_kept() -> None:
    patient = Patient()
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    patient.deliver(a_reply(1), [busy(retry_after=at), TAKEN])

    assert 58 <= patient.pauses[0] <= 60


@pytest.mark.parametrize(
    ("answers", "seconds", "words"),
    [
        pytest.param([GONE], 10.0, "for 10 s: ConnectError", id="nobody has ever answered"),
        pytest.param([busy()], 300.0, "for 300 s: 503", id="it answers that it is busy"),
        pytest.param([busy(502), GONE], 300.0, "ConnectError", id="it answered once"),
        pytest.param(
            [busy(retry_after="3600")], 0.0, "asks for 3600 s more", id="it asks for too much"
        ),
    ],
)
def test_patience_ends(answers: list[Line], seconds: float, words: str) -> None:
    patient, event = Patient(), a_reply(1)

    with pytest.raises(Unavailable, match=words) as caught:
        patient.deliver(event, answers)

    assert patient.now == pytest.approx(seconds)
    assert caught.value.unsent == [event]


def test_patience_begins_anew_with_each_batch_and_stays_long_once_answered() -> None:
    patient = Patient()
    patient.deliver(a_reply(1), [TAKEN])
    patient.deliver(a_reply(2), [GONE, GONE, GONE, TAKEN])
    before = patient.now

    with pytest.raises(Unavailable):
        patient.deliver(a_reply(3), [GONE])

    assert patient.now - before == pytest.approx(300.0)


def test_without_patience_there_is_one_try() -> None:
    patient = Patient(patience_seconds=0.0)

    with pytest.raises(Unavailable):
        patient.deliver(a_reply(1), [busy()])

    assert patient.pauses == []


@pytest.mark.parametrize(
    "error", [httpx.UnsupportedProtocol("no http"), httpx.LocalProtocolError("a header")]
)
def test_a_request_that_can_never_be_made_is_not_tried_again(error: httpx.RequestError) -> None:
    patient = Patient()

    with pytest.raises(NotSent, match=type(error).__name__):
        patient.deliver(a_reply(1), [error])

    assert patient.pauses == []


def test_a_pause_is_explained() -> None:
    patient = Patient()
    detail = httpx.Response(503, json={"title": "come again", "detail": "too much is in flight"})

    patient.deliver(a_reply(1), [detail, TAKEN])

    assert patient.reasons == [
        "ingest cannot take events now (503 too much is in flight); trying again in 0.2 s"
    ]
