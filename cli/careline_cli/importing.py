"""`careline import`: a file becomes touchpoints at the ingest edge, every row accounted for.

Rows that cannot be sent are written to a reject file with line, reason and text. The command
ends with 0 if the import ran through, whatever the verdicts; the summary has their numbers.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, TextIO
from urllib.parse import quote

import typer
from rich.table import Table

from careline_cli.console import CommandError, stdout
from careline_cli.dry_run import rehearse, report
from careline_cli.endpoints import running_endpoints
from careline_cli.mapping import Mapping, read_mapping
from careline_cli.meter import Meter
from careline_cli.outgoing import Outgoing, TooManyEvents, in_order_of_time, slices
from careline_cli.replay import Pipeline
from careline_cli.rows import Rows, UnreadableFile
from careline_cli.tally import RejectFile, Tally, touchpoints_of
from careline_cli.translation import Translation
from careline_client import CarelineClient, NotLetIn, NotSent
from careline_localstack import Endpoints
from careline_runtime.errors import Misconfigured

REPLAY_STEP = timedelta(days=7)
"""How far the replay clock moves at a time: what is published doesn't depend on it."""

SHOWN_EVENTS = 1_000
"""After so many the bar moves; drawing it costs more than an event does."""


async def send_all(
    events: Iterable[Outgoing],
    client: CarelineClient,
    tally: Tally,
    rejects: RejectFile,
    *,
    sent: Callable[[], None] = lambda: None,
) -> None:
    """Sends the events, holding one batch in memory; `sent` is told now and then."""
    answered = 0
    async for event, verdict in client.stream(events):
        if verdict.status == "rejected":
            rejects.add_event(event, verdict)
        else:
            tally.events[verdict.status] += 1
        answered += 1
        if answered % SHOWN_EVENTS == 0:
            sent()


async def send_by_clock(
    events: list[Outgoing],
    send: Callable[[list[Outgoing]], Awaitable[None]],
    *,
    tick: Callable[[datetime], Awaitable[None]],
    step: timedelta = REPLAY_STEP,
) -> None:
    """Sends events (in order of time) slice by slice; `tick` is told the end of each slice."""
    for end, slice_of_events in slices(events, step):
        await send(slice_of_events)
        await tick(end)


def import_file(
    file: Annotated[
        Path, typer.Argument(help="The file of rows; .gz is unpacked.", exists=True, dir_okay=False)
    ],
    mapping: Annotated[
        Path, typer.Option(help="What the columns mean, in YAML.", exists=True, dir_okay=False)
    ],
    replay_clock: Annotated[
        bool,
        typer.Option(
            "--replay-clock",
            help="Send in order of time, and move the clock of careline up --clock replay along.",
        ),
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rejected rows go: line, code, reason, text.")
    ] = None,
    source: Annotated[
        str, typer.Option(help="CloudEvents source; default: /import/ and the file's name.")
    ] = "",
    key: Annotated[
        str,
        typer.Option(
            envvar="CARELINE_KEY",
            help="A channel system's key, where ingest wants one; the source must be its own.",
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Send nothing: show what would be sent and refused.")
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="With --dry-run: so many of the events.")] = 5,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON on stdout.")
    ] = False,
) -> None:
    """Import a CSV, TSV, space-separated or JSON lines file as touchpoints.

    Repeating an import changes nothing: an event is known by its source and its line.
    docs/import.md explains mapping files with worked examples.

    [bold]Examples[/]

    careline import --mapping cli/careline_cli/demo_data/cdnow.yaml purchases.txt.gz

    careline import --mapping calls.yaml --rejects rejected.csv calls.csv

    careline import --mapping orders.yaml --dry-run orders.jsonl
    """
    rules = _read(mapping)
    tally = Tally()
    started = time.monotonic()
    translation = Translation(rules, source=source or f"/import/{quote(file.name)}")
    rows = Rows(file, rules.layout, needs=rules.used_columns)
    _refuse_overwriting(rejects, file, mapping)
    with ExitStack() as stack, _explained(file, tally):
        reject_file = RejectFile(_opened(rejects, stack), tally)
        if dry_run:
            preview = rehearse(
                rows, translation, tally, reject_file, show=show, is_replay=replay_clock
            )
        else:
            run = _replayed if replay_clock else _streamed
            asyncio.run(run(rows, translation, tally, reject_file, running_endpoints(), key))
    tally.seconds = time.monotonic() - started
    if dry_run:
        report(preview, tally, rows, as_json=as_json)
    elif as_json:
        stdout.print_json(data=tally.as_json())
    else:
        stdout.print(_summary(file, tally, rejects))


def _read(mapping: Path) -> Mapping:
    try:
        return read_mapping(mapping)
    except (Misconfigured, OSError, UnicodeError) as error:
        raise CommandError("The mapping cannot be used.", why=str(error)) from error


@contextmanager
def _explained(file: Path, tally: Tally) -> Iterator[None]:
    """Turns what can end an import into words about what to do."""
    try:
        yield
    except (UnreadableFile, TooManyEvents) as error:
        raise CommandError(f"{file.name} cannot be imported.", why=str(error)) from error
    except NotLetIn as error:
        raise CommandError(
            "Ingest does not let the import in.",
            why=str(error),
            fix="careline channel create NAME --channel … makes a key: give it with --key or in "
            "CARELINE_KEY, and name one of its sources with --source.",
        ) from error
    except NotSent as error:
        raise CommandError(
            f"The import stopped after {tally.events['accepted']:,} accepted events.",
            why=str(error),
            fix="See that ingest runs (careline status), then repeat the command: what is "
            "already there is not taken twice.",
        ) from error


async def _streamed(
    rows: Rows,
    translation: Translation,
    tally: Tally,
    rejects: RejectFile,
    endpoints: Endpoints,
    key: str,
) -> None:
    with Meter(rows.path.name, rows.total_bytes) as meter:
        async with CarelineClient(endpoints.services["ingest"], key=key, say=meter.say) as client:
            events = touchpoints_of(rows, translation, tally, rejects)
            await send_all(
                events,
                client,
                tally,
                rejects,
                sent=lambda: meter.show(rows.read_bytes, f"{tally.rows:,} rows"),
            )


async def _replayed(
    rows: Rows,
    translation: Translation,
    tally: Tally,
    rejects: RejectFile,
    endpoints: Endpoints,
    key: str,
) -> None:
    events = in_order_of_time(touchpoints_of(rows, translation, tally, rejects))
    with Meter(rows.path.name, len(events)) as meter:
        if events:
            first, last = events[0].occurred_at, events[-1].occurred_at
            meter.say(f"replaying {len(events):,} events, {first:%Y-%m-%d} to {last:%Y-%m-%d}")
        async with (
            CarelineClient(endpoints.services["ingest"], key=key, say=meter.say) as client,
            Pipeline(endpoints) as pipeline,
        ):
            await pipeline.refuse_time_as_it_passes()

            async def tick(end: datetime) -> None:
                await pipeline.drain()
                await pipeline.tick(end)
                meter.show(tally.events.total(), f"replaying {end:%Y-%m-%d}")

            async def send(slice_of_events: list[Outgoing]) -> None:
                await send_all(slice_of_events, client, tally, rejects)

            await send_by_clock(events, send, tick=tick)


def _refuse_overwriting(rejects: Path | None, *inputs: Path) -> None:
    for path in inputs:
        if rejects is not None and rejects.exists() and rejects.samefile(path):
            raise CommandError(
                f"{rejects} is read by this import, and --rejects would overwrite it.",
                fix="Name another file for the rejected rows.",
            )


def _opened(path: Path | None, stack: ExitStack) -> TextIO | None:
    if path is None:
        return None
    try:
        # Bytes that are not of the file's encoding were kept as surrogates: written as they were.
        return stack.enter_context(
            path.open("w", encoding="utf-8", errors="surrogateescape", newline="")
        )
    except OSError as error:
        raise CommandError(f"{path} cannot be written.", why=str(error)) from error


def _summary(file: Path, tally: Tally, rejects: Path | None) -> Table:
    table = Table(box=None, show_header=False, title=file.name, title_justify="left")
    counts = tally.as_json()
    for name, count in counts["touchpoints"].items():
        table.add_row(name, f"{count:,}")
    table.add_row("rows", f"{tally.rows:,}")
    if tally.skipped_rows:
        table.add_row("of them without an event", f"{tally.skipped_rows:,}")
    if tally.rejected_lines:
        where = f", in {rejects}" if rejects else " (name a file with --rejects to see them)"
        table.add_row("of them rejected", f"{len(tally.rejected_lines):,}{where}")
    for code, count in tally.reasons.most_common(5):
        table.add_row(f"  {code}", f"{count:,}")
    table.add_row("seconds", f"{tally.seconds:.1f}")
    table.add_row("events a second", f"{counts['events_per_second']:,}")
    return table
