"""Two stacks side by side, from `up` to `down`, with nothing but the command line.

The clocks of the services of one of them differ by minutes, as those of machines may.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from redis.asyncio import Redis

from careline_cli.replay import Pipeline
from careline_contracts.topics import SERVICES, TOUCHPOINTS, WITH_DATABASE
from careline_localstack import Endpoints, LocalStack
from tests.foreground import in_the_foreground

pytestmark = pytest.mark.stack

EXAMPLES = Path(__file__).parents[2] / "docs/examples/import"
PURCHASES = """\
 00001 20210101  1   11.77
 00002 20210112  1   12.00
 00002 20210112  5   77.00
"""
CLOCKS_OFF = Path(__file__).parent / "clocks_off"
VARIABLE = "CLOCKS_OFF_BY_SECONDS"
OFF_BY_SECONDS = {"profile": 240, "scoring": 120, "engagement": -2, "ticketing": -240}
A_FAULT = {
    "specversion": "1.0",
    "id": "lines-down",
    "source": "/app",
    "type": "careline.fault.reported.v1",
    "data": {
        "identities": [{"kind": "member_card", "value": "00003"}],
        "impact": "system_down",
        "via": "app",
    },
}
CDNOW = Path(__file__).parents[2] / "cli/careline_cli/demo_data/cdnow.yaml"


@dataclass(frozen=True)
class Shell:
    """A terminal in which CARELINE_HOME is set."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def careline(self, *arguments: str | Path) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "careline_cli", *arguments],
            env={
                **os.environ,
                **self.variables,
                "CARELINE_HOME": str(self.home),
                "COLUMNS": "200",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.careline(*arguments, "--json"))

    def endpoints(self) -> Endpoints:
        written = json.loads((self.home / "endpoints.json").read_text())
        return Endpoints(
            services={name: written[name] for name in SERVICES},
            kafka=written["kafka"],
            databases=written["databases"],
            valkey=written["valkey"],
        )


@pytest.fixture
def shells(tmp_path: Path) -> Iterator[tuple[Shell, Shell]]:
    clocks = {"PYTHONPATH": str(CLOCKS_OFF), VARIABLE: json.dumps(OFF_BY_SECONDS)}
    shells = Shell(tmp_path / "today", clocks), Shell(tmp_path / "replay")
    yield shells
    for shell in shells:
        LocalStack(shell.home).stop()


async def test_two_stacks_are_started_used_and_stopped_by_command(
    shells: tuple[Shell, Shell], tmp_path: Path
) -> None:
    today, replay = shells
    purchases = tmp_path / "purchases.txt"
    purchases.write_text(PURCHASES)

    printed = today.json("up"), replay.json("up", "--clock", "replay")
    for shell, endpoints in zip(shells, printed, strict=True):
        assert endpoints == json.loads((shell.home / "endpoints.json").read_text())
        assert set(endpoints) == {*SERVICES, "kafka", "databases", "valkey"}
        await check_servers(shell.endpoints())
        check_services(shell.endpoints())
        check_status(shell.json("status"))

    calls = today.json("import", "--mapping", EXAMPLES / "calls.yaml", EXAMPLES / "calls.csv")
    assert calls["touchpoints"] == {"accepted": 6, "rejected": 4, "duplicate": 0}
    bought = replay.json("import", "--mapping", CDNOW, purchases, "--replay-clock")
    assert bought["touchpoints"] == {"accepted": 3, "rejected": 0, "duplicate": 0}
    assert await touchpoints_and_customers(today) == (6, 3)
    assert await touchpoints_and_customers(replay) == (3, 2)
    await check_that_clocks_differ_and_nothing_is_wrong(today)

    check_running_in_the_foreground(today)

    for shell in shells:
        shell.careline("down")
        status = shell.json("status")
        parts = (*status["servers"].values(), *status["services"].values())
        assert {part["state"] for part in parts} == {"stopped"}


async def check_servers(endpoints: Endpoints) -> None:
    """Kafka, every database and Valkey answer under the addresses of endpoints.json."""
    async with AIOKafkaConsumer(bootstrap_servers=endpoints.kafka) as consumer:
        assert TOUCHPOINTS.name in await consumer.topics()
    assert set(endpoints.databases) == set(WITH_DATABASE)
    for url in endpoints.databases.values():
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("select count(*) from alembic_version") == 1
        await connection.close()
    async with Redis.from_url(endpoints.valkey) as valkey:
        assert await valkey.ping()


def check_services(endpoints: Endpoints) -> None:
    with httpx.Client() as client:
        for name, url in endpoints.services.items():
            for path in ("/docs", "/metrics", "/health/live", "/health/ready"):
                assert client.get(f"{url}{path}").status_code == 200, f"{name} {path}"


def check_status(status: Any) -> None:
    assert set(status["servers"]) == {"kafka", "postgres", "valkey"}
    assert set(status["services"]) == set(SERVICES)
    for part in (*status["servers"].values(), *status["services"].values()):
        assert part["state"] == "ready"
        assert part["port"] and part["pid"] and part["memory_mb"]


async def touchpoints_and_customers(shell: Shell) -> tuple[int, int]:
    async with Pipeline(shell.endpoints()) as pipeline:
        statuses = await pipeline.drain()
        summary = await pipeline.get("profile", "/v1/summary")
    return statuses["profile"]["events"]["in"], summary["customers"]


async def check_that_clocks_differ_and_nothing_is_wrong(shell: Shell) -> None:
    """Decisions go by the instants of events, whatever time it is where they are made."""
    async with Pipeline(shell.endpoints()) as pipeline, httpx.AsyncClient() as http:
        statuses = await pipeline.statuses()
        clocks = {name: datetime.fromisoformat(one["clock"]) for name, one in statuses.items()}
        ahead = (clocks["profile"] - clocks["ticketing"]).total_seconds()
        assert ahead == pytest.approx(
            OFF_BY_SECONDS["profile"] - OFF_BY_SECONDS["ticketing"], abs=30
        )

        answer = await http.post(
            f"{pipeline.endpoints.services['ingest']}/v1/touchpoints",
            headers={"content-type": "application/cloudevents+json"},
            json=A_FAULT,
        )
        assert answer.status_code == 202, answer.text
        statuses = await pipeline.drain()
        assert {status["events"]["dead_letters"] for status in statuses.values()} == {0}
        [opened] = (await pipeline.get("ticketing", "/v1/tickets"))["tickets"]
        ticket = await pipeline.get("ticketing", f"/v1/tickets/{opened['ticket']}")
    opened_at = datetime.fromisoformat(ticket["opened_at"])
    assert abs((opened_at - clocks["ingest"]).total_seconds()) < 60, "when ingest has taken it"
    due = {one["target"]: one for one in ticket["clocks"]}["first_response"]
    assert datetime.fromisoformat(due["due_at"]) - opened_at == timedelta(minutes=30)


def check_running_in_the_foreground(shell: Shell) -> None:
    """`run` takes the place of the background process, and ends in order when it is told to."""
    url = shell.endpoints().services["profile"]
    with in_the_foreground("run", "profile", home=shell.home) as running:
        assert running.says("service.ready")
        assert httpx.get(f"{url}/health/ready").status_code == 200
        assert shell.json("status")["services"]["profile"]["state"] == "stopped"
        running.is_told(signal.SIGTERM)
        exit_code, said = running.ends()
        assert exit_code == 0
        assert "service.stopped" in said
