"""How much of what: the run of each commit and the nightly one differ by these numbers only."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Self

from tests.journeys.faults.load import Load

EVENTS_A_CUSTOMER = 20


@dataclass(frozen=True)
class Numbers:
    """`CARELINE_FAULTS_<NAME>` sets each; the seed draws load and faults."""

    seed: int
    events: int = 20_000
    service_kills: int = 15
    service_pauses: int = 0
    broker_faults: int = 2
    """Every other one a kill, the others pauses; so with PostgreSQL."""
    postgres_faults: int = 2
    valkey_wipes: int = 2
    network_faults: int = 4
    duplicate_percent: int = 10
    late_percent: int = 10
    poison_per_thousand: int = 1
    longest_pause_seconds: int = 5
    days: int = 120
    """Of events; then come days of silence, in which windows roll and promises fall due."""
    silent_days: int = 130
    days_a_step: int = 8
    """The clock stands still for so long, while events of that time come in."""
    drain_seconds: int = 180
    """The pipeline must have caught up within this time after a step, whatever has happened."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Without a seed in the environment a new one is drawn."""
        given = {
            field.name: int(value)
            for field in fields(cls)
            if (value := environment.get(_variable(field.name)))
        }
        return cls(**{"seed": secrets.randbelow(1_000_000), **given})

    def __str__(self) -> str:
        """What to put before pytest to see the same again: all of it, defaults may move."""
        return " ".join(f"{_variable(f.name)}={getattr(self, f.name)}" for f in fields(self))

    @property
    def faults(self) -> int:
        """Of all kinds."""
        return (
            self.service_kills
            + self.service_pauses
            + self.broker_faults
            + self.postgres_faults
            + self.valkey_wipes
            + self.network_faults
        )

    @property
    def punctual_share(self) -> float:
        """At least so many customers must be left of whom no event overtook another.

        With twice as many late events, half as many: by then most customers have had one.
        """
        return 3 / max(10, self.late_percent)

    @property
    def load(self) -> Load:
        return Load(
            events=self.events,
            customers=max(1, self.events // EVENTS_A_CUSTOMER),
            seed=self.seed,
            days=self.days,
            duplicate_share=self.duplicate_percent / 100,
            late_share=self.late_percent / 100,
            poison_share=self.poison_per_thousand / 1_000,
        )

    @property
    def step(self) -> timedelta:
        return timedelta(days=self.days_a_step)

    @property
    def silent_step(self) -> timedelta:
        """Less than engagement's `topics_apart_days`, as its policy asks of a replay clock."""
        return timedelta(days=13)

    @property
    def eventful_steps(self) -> int:
        """Of the clock, those in which events come in."""
        return -(-self.days // self.days_a_step)

    @property
    def silent_steps(self) -> int:
        return -(-self.silent_days // self.silent_step.days)


def _variable(name: str) -> str:
    return f"CARELINE_FAULTS_{name.upper()}"
