"""`careline demo`: a stack of its own, the replay, a summary, and everything stopped again."""

import asyncio
import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from careline_cli.checkout import stack_of_its_own
from careline_cli.console import CommandError, progress, stderr, stdout, writable
from careline_cli.demo.responder import Responder
from careline_cli.demo.story import POLICIES, Story, read_story, tell
from careline_cli.demo.summary import print_summary, summarise
from careline_cli.demo.view import View, summaries_of
from careline_cli.replay import Pipeline
from careline_client import CarelineClient, NotSent
from careline_localstack import LocalStack, ServiceOptions

SEED = 20210101


def demo(
    real_only: Annotated[
        bool, typer.Option("--real-only", help="Only the real purchases; nothing made up.")
    ] = False,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", callback=writable, help="Also write the summary into this file."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of what is made up.")] = SEED,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the demo's data in CARELINE_HOME/demo.")
    ] = False,
) -> None:
    """Replay eighteen months of a real shop through the whole product, and say what came of it.

    It starts real servers and the five services on free ports in a home of its own, sends 69,659
    real purchases of 23,544 customers (and made-up service contacts of the same customers), lets
    the clock run from 2021-01-01 to 2022-07-01, and stops everything it started.

    [bold]Examples[/]

    careline demo

    careline demo --real-only --json summary.json
    """
    started = time.monotonic()
    story = read_story(real_only=real_only, seed=seed)
    with stack_of_its_own("demo", keep=keep) as stack:
        summary = play(story, stack, answers=not real_only, seed=seed)
    print_summary(summary, stdout)
    if json_file is not None:
        json_file.write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    progress(f"All of it, with starting and stopping: {time.monotonic() - started:.0f} s")


def play(story: Story, stack: LocalStack, *, answers: bool, seed: int) -> dict[str, Any]:
    """Starts everything, tells the story to its end, and returns the summary."""
    stack.start(progress)
    options = ServiceOptions(clock="replay", policies=str(POLICIES))
    stack.start_services(options, progress=progress)
    try:
        return asyncio.run(_run(stack, story, answers=answers, seed=seed))
    except NotSent as error:
        raise CommandError(
            "The demo stopped: ingest took no more events.",
            why=str(error),
            fix=f"Read the logs in {stack.home.logs}.",
        ) from error


async def _run(stack: LocalStack, story: Story, *, answers: bool, seed: int) -> dict[str, Any]:
    responder = Responder(stack.endpoints.kafka) if answers else None
    what = f"{len(story.real):,} real purchases"
    if story.synthetic:
        what += f" and {len(story.synthetic):,} synthetic contacts (seed {seed})"
    progress(f"Replaying {what} …")
    async with (
        Pipeline(stack.endpoints) as pipeline,
        CarelineClient(stack.endpoints.services["ingest"], say=progress) as client,
    ):
        if responder:
            await responder.start()
        try:
            started = time.monotonic()
            with View(pipeline, stderr) as view:
                await tell(story, pipeline, client, responder, show=view.show)
            seconds = time.monotonic() - started
            statuses = await pipeline.drain()
            return summarise(story, await summaries_of(pipeline), statuses, seconds=seconds)
        finally:
            if responder:
                await responder.stop()
