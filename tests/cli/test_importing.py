"""`careline import` against an ingest that can be slow, full, broken or gone."""

import json
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from typer.testing import CliRunner

from careline_cli.app import app
from careline_cli.console import CommandError
from careline_cli.importing import send_all, send_by_clock
from careline_cli.mapping import Condition, EventMapping, Mapping, Time, Value
from careline_cli.outgoing import Outgoing, in_order_of_time, slices
from careline_cli.rows import Layout, Rows, UnreadableFile
from careline_cli.tally import RejectFile, Tally
from careline_client import CarelineClient

START = datetime(2021, 1, 1, 12, tzinfo=UTC)
DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = DOCS / "examples" / "import"


class FakeIngest:
    """Knows events by source and id, refuses what a test tells it to, and counts."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.batch_sizes: list[int] = []
        self.first_answers: list[tuple[int, dict[str, str]]] = []
        """Statuses and headers given before the first good answer; 0 hangs up."""
        self.refused_ids: set[str] = set()
        self.authorizations: set[str | None] = set()
        self._seen: set[tuple[str, str]] = set()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                fake.answer(self, body)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        if self.first_answers:
            status, headers = self.first_answers.pop(0)
            if status == 0:
                request.close_connection = True
            else:
                self._reply(request, status, {"title": "come again"}, headers)
        else:
            self.authorizations.add(request.headers["authorization"])
            assert request.headers["content-type"] == "application/cloudevents-batch+json"
            events = json.loads(body)
            self.batch_sizes.append(len(events))
            verdicts = [self._judge(event) for event in events]
            is_all_good = all(verdict["status"] != "rejected" for verdict in verdicts)
            self._reply(request, 202 if is_all_good else 207, verdicts, {})

    def _judge(self, event: dict[str, Any]) -> dict[str, Any]:
        key = (event["source"], event["id"])
        verdict: dict[str, Any] = {"id": event["id"], "code": None, "pointer": None, "detail": None}
        if event["id"] in self.refused_ids:
            reason = {"code": "time_too_old", "pointer": "/time", "detail": "older than ten years"}
            return {**verdict, "status": "rejected", **reason}
        if key in self._seen:
            return {**verdict, "status": "duplicate"}
        self._seen.add(key)
        self.events.append(event)
        return {**verdict, "status": "accepted"}

    def _reply(
        self, request: BaseHTTPRequestHandler, status: int, body: Any, headers: dict[str, str]
    ) -> None:
        content = json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(content)


@pytest.fixture
def ingest() -> Iterator[FakeIngest]:
    fake = FakeIngest()
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    fake.server.shutdown()
    thread.join()
    fake.server.server_close()


def an_event(number: int, *, occurred_at: datetime = START, text: str = "") -> Outgoing:
    data = json.dumps({"identities": [{"kind": "phone", "value": "1"}], "text": text}).encode()
    return Outgoing(
        id=str(number),
        source="/test",
        type="careline.sms.replied.v1",
        occurred_at=occurred_at,
        data=data,
        line=number,
        text="row",
    )


async def test_events_arrive_once_in_order_in_batches_of_a_thousand(ingest: FakeIngest) -> None:
    tally = Tally()
    async with CarelineClient(ingest.url) as client:
        await send_all(map(an_event, range(2_500)), client, tally, RejectFile(None, tally))
        await send_all(map(an_event, range(100)), client, tally, RejectFile(None, tally))

    assert [event["id"] for event in ingest.events] == [str(number) for number in range(2_500)]
    assert ingest.batch_sizes == [1_000, 1_000, 500, 100]
    assert tally.events == {"accepted": 2_500, "duplicate": 100}


async def test_no_more_than_one_batch_is_held(ingest: FakeIngest) -> None:
    made, held = 0, list[int]()

    def events() -> Iterator[Outgoing]:
        nonlocal made
        for made in range(1, 5_001):
            yield an_event(made)

    tally = Tally()
    async with CarelineClient(ingest.url) as client:
        await send_all(
            events(),
            client,
            tally,
            RejectFile(None, tally),
            sent=lambda: held.append(made - len(ingest.events)),
        )

    assert tally.events["accepted"] == 5_000
    assert held == [0] * 5


instants = st.datetimes(
    datetime(2021, 1, 1),  # noqa: DTZ001 - Hypothesis wants bounds without a zone
    datetime(2021, 3, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@given(st.lists(instants, max_size=60), st.integers(1, 400))
def test_slices_keep_every_event_in_order_before_its_slices_end(
    times: list[datetime], hours: int
) -> None:
    step = timedelta(hours=hours)
    events = in_order_of_time(an_event(n, occurred_at=at) for n, at in enumerate(times))

    cut = list(slices(events, step))

    assert [event for _, part in cut for event in part] == events
    ends = [end for end, _ in cut]
    assert ends == sorted(set(ends))
    for end, part in cut:
        assert part
        assert all(end - step <= event.occurred_at < end for event in part)


async def test_the_clock_moves_after_each_slice_and_never_before_its_events() -> None:
    log: list[Any] = []

    async def send(part: list[Outgoing]) -> None:
        log.extend(event.id for event in part)

    async def tick(end: datetime) -> None:
        log.append(end.day)

    days = [0, 1, 1, 9]
    events = [an_event(n, occurred_at=START + timedelta(days=day)) for n, day in enumerate(days)]
    await send_by_clock(events, send, tick=tick, step=timedelta(days=7))

    assert log == ["0", "1", "2", 8, "3", 15]


# The command as a whole, as docs/import.md shows it.


@pytest.fixture
def home(ingest: FakeIngest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose ingest listens where the fake one does."""
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))
    services = ("ingest", "profile", "scoring", "engagement", "ticketing")
    endpoints = {**dict.fromkeys(services, ingest.url), "kafka": "", "databases": {}, "valkey": ""}
    (tmp_path / "endpoints.json").write_text(json.dumps(endpoints), encoding="utf-8")
    monkeypatch.chdir(DOCS.parent)
    return tmp_path


def run_import(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["import", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    summary: dict[str, Any] = json.loads(result.stdout)
    return summary


def test_a_call_log_is_imported_and_every_row_accounted_for(home: Path, ingest: FakeIngest) -> None:
    rejected = home / "rejected.csv"
    ingest.refused_ids = {"4.2"}

    summary = run_import(
        "--mapping",
        str(EXAMPLES / "calls.yaml"),
        str(EXAMPLES / "calls.csv"),
        "--rejects",
        str(rejected),
    )

    assert summary["touchpoints"] == {"accepted": 5, "rejected": 5, "duplicate": 0}
    assert summary["rows"] == 6
    assert summary["rejected_rows"] == 3
    assert summary["rejected_by_code"] == {"unmappable_value": 4, "time_too_old": 1}
    lines = rejected.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "line,code,reason,text"
    assert {line.split(",")[0] for line in lines[1:]} == {"4", "6", "7"}


@pytest.mark.parametrize("name", ["calls.csv", "calls.yaml"])
def test_rejects_never_overwrite_what_is_read(home: Path, name: str) -> None:
    for example in EXAMPLES.glob("calls.*"):
        shutil.copy(example, home)
    before = (home / name).read_bytes()
    rejects = home / "sub" / ".." / name
    (home / "sub").mkdir()

    with pytest.raises(CommandError, match="--rejects would overwrite it"):
        run_import(
            *("--mapping", str(home / "calls.yaml"), str(home / "calls.csv")),
            *("--rejects", str(rejects)),
        )

    assert (home / name).read_bytes() == before


def test_importing_twice_changes_nothing(home: Path, ingest: FakeIngest) -> None:
    arguments = ("--mapping", str(EXAMPLES / "incidents.yaml"), str(EXAMPLES / "incidents.csv"))

    assert run_import(*arguments)["touchpoints"]["accepted"] == 7
    assert run_import(*arguments)["touchpoints"] == {"accepted": 0, "rejected": 2, "duplicate": 7}
    assert run_import(*arguments, "--source", "/desk")["touchpoints"]["accepted"] == 7
    assert len(ingest.events) == 14


def test_an_ingest_that_hangs_up_and_is_busy_is_waited_for(home: Path, ingest: FakeIngest) -> None:
    ingest.first_answers = [(0, {}), (503, {"retry-after": "0"})]

    summary = run_import("--mapping", str(EXAMPLES / "calls.yaml"), str(EXAMPLES / "calls.csv"))

    assert summary["touchpoints"]["accepted"] == len(ingest.events) > 0


@pytest.mark.parametrize("is_variable", [True, False])
def test_the_key_is_shown_to_ingest(
    home: Path, ingest: FakeIngest, monkeypatch: pytest.MonkeyPatch, is_variable: bool
) -> None:
    if is_variable:
        monkeypatch.setenv("CARELINE_KEY", "ck_1_secret")
    option = () if is_variable else ("--key", "ck_1_secret")

    run_import("--mapping", str(EXAMPLES / "calls.yaml"), str(EXAMPLES / "calls.csv"), *option)

    assert ingest.authorizations == {"Bearer ck_1_secret"}


def test_an_ingest_that_wants_a_key_is_explained(home: Path, ingest: FakeIngest) -> None:
    ingest.first_answers = [(401, {})]

    with pytest.raises(CommandError, match="does not let the import in") as caught:
        run_import("--mapping", str(EXAMPLES / "calls.yaml"), str(EXAMPLES / "calls.csv"))

    assert "--key" in caught.value.fix


def test_a_mapping_that_does_not_hold_is_explained(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text("timezone: Asia/Peking\nevents: []\n", encoding="utf-8")

    with pytest.raises(CommandError, match="mapping cannot be used") as caught:
        CliRunner().invoke(
            app,
            ["import", "--mapping", str(path), str(EXAMPLES / "calls.csv")],
            catch_exceptions=False,
        )

    assert "wrong.yaml:1" in caught.value.why


def test_a_file_that_does_not_fit_its_mapping_is_explained(home: Path) -> None:
    with pytest.raises(CommandError, match=r"incidents\.csv cannot be imported") as caught:
        CliRunner().invoke(
            app,
            [
                "import",
                "--mapping",
                str(EXAMPLES / "calls.yaml"),
                str(EXAMPLES / "incidents.csv"),
            ],
            catch_exceptions=False,
        )

    assert "has no column" in caught.value.why


def test_bytes_of_a_file_that_is_no_text_do_not_reach_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "calls.xlsx"
    path.write_bytes(b"PK\x03\x04\x1b[2J\x00\xff\n")

    with pytest.raises(UnreadableFile, match=r"has no column Caller; its first line is no text$"):
        list(Rows(path, Layout("csv"), needs={"Caller"}))


def test_without_a_running_stack_the_command_says_how_to_start_one(home: Path) -> None:
    (home / "endpoints.json").unlink()

    with pytest.raises(CommandError, match="No stack is running") as caught:
        CliRunner().invoke(
            app,
            ["import", "--mapping", str(EXAMPLES / "calls.yaml"), str(EXAMPLES / "calls.csv")],
            catch_exceptions=False,
        )

    assert "careline up" in caught.value.fix


# What docs/import.md says.

PAGE = (DOCS / "import.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\./careline import (.+)$", PAGE, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_runs(
    home: Path, ingest: FakeIngest, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    arguments = [
        str(DOCS.parent / word) if (DOCS.parent / word).is_file() else word
        for word in command.split()
    ]
    monkeypatch.chdir(home)

    summary = run_import(*arguments)

    assert summary["touchpoints"]["accepted"] > 0
    sent = 0 if "--dry-run" in arguments else summary["touchpoints"]["accepted"]
    assert len(ingest.events) == sent


def test_every_mapping_that_the_page_shows_is_part_of_one_that_is_tested() -> None:
    tested = [
        path.read_text(encoding="utf-8")
        for path in (
            *EXAMPLES.glob("*.yaml"),
            DOCS.parent / "cli" / "careline_cli" / "demo_data" / "cdnow.yaml",
        )
    ]
    shown = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    assert len(shown) == 5
    for part in shown:
        assert any(part in mapping for mapping in tested), part


@pytest.mark.parametrize("part", [Mapping, EventMapping, Condition, Value, Time])
def test_the_page_explains_every_key(part: type[BaseModel]) -> None:
    for name, field in part.model_fields.items():
        assert f"`{field.alias or name}`" in PAGE
