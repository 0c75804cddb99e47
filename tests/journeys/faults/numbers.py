"""How much of what: the run of each commit and the nightly one differ by these numbers only."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from careline_cli.load import Load

EVENTS_A_CUSTOMER = 20


@dataclass(frozen=True)
class Numbers:
    """`CARELINE_FAULTS_<NAME>` sets each; the seed draws load and faults."""

    seed: int
    events: int = 20_000
    faults: int = 25
    disturbed_percent: int = 10
    """So many events come twice, and so many late."""
    longest_pause_seconds: int = 5
    days: int = 120
    """Of events; then come days of silence, in which windows roll and promises fall due."""
    silent_days: int = 130
    days_a_step: int = 5
    """The clock stands still for so long, while events of that time come in."""
    drain_seconds: int = 180
    """The pipeline must have caught up within this time after a step, whatever has happened."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Without a seed in the environment a new one is drawn."""
        given = {
            name: int(value)
            for name in cls.__dataclass_fields__
            if (value := environment.get(f"CARELINE_FAULTS_{name.upper()}"))
        }
        return cls(**{"seed": secrets.randbelow(1_000_000), **given})

    def __str__(self) -> str:
        """What to put before pytest to see the same again."""
        return (
            f"CARELINE_FAULTS_SEED={self.seed} CARELINE_FAULTS_EVENTS={self.events} "
            f"CARELINE_FAULTS_FAULTS={self.faults}"
        )

    @property
    def load(self) -> Load:
        return Load(
            events=self.events,
            customers=max(1, self.events // EVENTS_A_CUSTOMER),
            seed=self.seed,
            days=self.days,
            duplicate_share=self.disturbed_percent / 100,
            late_share=self.disturbed_percent / 100,
        )

    @property
    def step(self) -> timedelta:
        return timedelta(days=self.days_a_step)

    @property
    def silent_step(self) -> timedelta:
        """Less than engagement's `topics_apart_days`, as its policy asks of a replay clock."""
        return timedelta(days=13)

    @property
    def steps(self) -> int:
        """Of the clock, in the whole run."""
        return -(-self.days // self.days_a_step) + -(-self.silent_days // self.silent_step.days)
