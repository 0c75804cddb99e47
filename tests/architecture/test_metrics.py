"""Every metric has our prefix, a unit, a meaning, and labels that can't grow without end."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from prometheus_client import Counter, Histogram
from prometheus_client.metrics import MetricWrapperBase

from careline_contracts.topics import SERVICES

PACKAGES = ("careline_runtime", *(f"careline_{service}" for service in SERVICES))
UNITS = ("seconds", "bytes", "events", "records", "units", "in_flight", "ratio", "active")
ROOT = Path(__file__).parents[2]
ENDLESS = ("id", "key", "customer", "identity", "ticket", "case", "phone", "email", "offset")


def modules() -> Iterator[ModuleType]:
    return (importlib.import_module(f"{package}.metrics") for package in PACKAGES)


def declared() -> Iterator[tuple[str, MetricWrapperBase]]:
    for module in modules():
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                [family] = metric.describe()
                yield family.name, metric


@pytest.mark.parametrize(("name", "metric"), [*declared()], ids=[n for n, _ in declared()])
def test_a_metric_is_named_explained_and_bounded(name: str, metric: MetricWrapperBase) -> None:
    [family] = metric.describe()

    assert name.startswith("careline_")
    assert family.documentation.endswith("."), "the help is a sentence"
    assert isinstance(metric, Counter) or name.endswith(UNITS), "units last"
    assert not set(metric._labelnames) & set(ENDLESS)
    if isinstance(metric, Histogram):
        assert len(metric._upper_bounds) <= 15, "each bucket is a series for each label"


def test_no_name_is_used_twice() -> None:
    names = [name for name, _ in declared()]

    assert len(set(names)) == len(names)


def names_used() -> set[str]:
    """Every name that the runtime or a service reads."""
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for folder in ("libs", "services")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Load)
    }


def test_every_declared_metric_is_used() -> None:
    names = {
        name
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, MetricWrapperBase)
    }

    assert names - names_used() == set()
