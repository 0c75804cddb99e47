"""The deployment files as values: the compose file with its variables filled in, code's metrics."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

from careline_contracts.topics import SERVICES

ROOT = Path(__file__).parents[2]
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<operator>[-?])(?P<word>[^}]*))?\}")


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def compose_text() -> str:
    return (ROOT / "docker-compose.yml").read_text("utf-8")


@pytest.fixture(scope="session")
def compose(compose_text: str) -> Any:
    """The compose file as Compose would read it; a variable that must be set is `filled`."""

    def fill(match: re.Match[str]) -> str:
        return (match["word"] or "") if match["operator"] == "-" else "filled"

    return yaml.safe_load(VARIABLE.sub(fill, compose_text))


@pytest.fixture(scope="session")
def metric_labels() -> dict[str, set[str]]:
    """The labels of each time series that the code exposes, by the name that PromQL uses."""
    series: dict[str, set[str]] = {"up": set()}
    for package in ("careline_runtime", *(f"careline_{service}" for service in SERVICES)):
        for metric in vars(importlib.import_module(f"{package}.metrics")).values():
            if isinstance(metric, MetricWrapperBase):
                for name in _series(metric):
                    series[name] = set(metric._labelnames)
    for family in REGISTRY.collect():  # what the client library adds by itself: process_…
        for sample in family.samples:
            series.setdefault(sample.name, set(sample.labels))
    return series


def _series(metric: MetricWrapperBase) -> list[str]:
    [family] = metric.describe()
    match family.type:
        case "counter":
            return [f"{family.name}_total"]
        case "histogram":
            return [f"{family.name}_{end}" for end in ("bucket", "sum", "count")]
        case _:
            return [family.name]
