"""Alerts and dashboard ask for metrics and labels that exist, and each alert has a runbook."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from careline_contracts.topics import SERVICES

METRIC = re.compile(r"\b(?:careline|process)_\w+\b|\bup\b")
GROUPING = re.compile(r"\bby \(([^)]*)\)")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"([^\"]*)\"")
SCRAPED = {"job", "instance", "service"}


@pytest.fixture(scope="module")
def prometheus(root: Path) -> Any:
    return yaml.safe_load((root / "deploy/prometheus/prometheus.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def alerts(root: Path) -> list[dict[str, Any]]:
    document = yaml.safe_load((root / "deploy/prometheus/alerts.yml").read_text("utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


@pytest.fixture(scope="module")
def dashboard(root: Path) -> Any:
    return json.loads((root / "deploy/grafana/dashboards/careline.json").read_text("utf-8"))


def check_expression(expression: str, metric_labels: dict[str, set[str]]) -> None:
    metrics = METRIC.findall(expression)
    assert metrics, expression
    assert [name for name in metrics if name not in metric_labels] == [], expression
    labels = SCRAPED | {"le"}.union(*(metric_labels[name] for name in metrics))
    asked = {label.strip() for names in GROUPING.findall(expression) for label in names.split(",")}
    asked |= {label for label, _ in MATCHER.findall(expression)}
    assert asked <= labels, expression
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing), expression


def test_prometheus_scrapes_every_service_where_it_listens(prometheus: Any, compose: Any) -> None:
    [job] = prometheus["scrape_configs"]
    [static] = job["static_configs"]
    expected = {
        f"{service}:{compose['services'][service]['environment']['HTTP_PORT']}"
        for service in SERVICES
    }

    assert job["job_name"] == "careline"
    assert set(static["targets"]) == expected


def test_prometheus_finds_its_rules(prometheus: Any, compose: Any, root: Path) -> None:
    volumes = compose["services"]["prometheus"]["volumes"]

    assert "./deploy/prometheus:/etc/prometheus:ro" in volumes
    for name in prometheus["rule_files"]:
        assert (root / "deploy/prometheus" / name).is_file()


def test_alerts_ask_for_what_there_is(
    alerts: list[dict[str, Any]], metric_labels: dict[str, set[str]]
) -> None:
    for rule in alerts:
        check_expression(rule["expr"], metric_labels)


def test_every_alert_says_what_to_do(alerts: list[dict[str, Any]], root: Path) -> None:
    page = (root / "docs/operations.md").read_text("utf-8")
    headings = {anchor(title) for title in re.findall(r"^#+ (.*)$", page, re.M)}
    names = [rule["alert"] for rule in alerts]

    assert len(set(names)) == len(names)
    for rule in alerts:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        file, _, heading = rule["annotations"]["runbook"].partition("#")
        assert file == "docs/operations.md" and heading in headings, rule["alert"]


def anchor(title: str) -> str:
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def test_an_alert_s_words_name_labels_that_it_keeps(alerts: list[dict[str, Any]]) -> None:
    for rule in alerts:
        words = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        groupings = GROUPING.findall(rule["expr"])
        if groupings:
            kept = {label.strip() for label in groupings[0].split(",")}
            assert words <= kept, rule["alert"]


def test_the_dashboard_asks_for_what_there_is(
    dashboard: Any, metric_labels: dict[str, set[str]]
) -> None:
    for panel, target in targets(dashboard):
        check_expression(target["expr"], metric_labels)
        wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        grouped = ",".join(GROUPING.findall(target["expr"]))
        assert wanted <= {label.strip() for label in grouped.split(",")} | SCRAPED, panel["title"]


def test_the_dashboard_s_panels_are_whole(dashboard: Any, root: Path) -> None:
    source = yaml.safe_load(
        (root / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    )["datasources"][0]
    ids = [panel["id"] for panel in dashboard["panels"]]
    cells: set[tuple[int, int]] = set()

    assert len(set(ids)) == len(ids)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        area = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not area & cells, f"{panel['title']} lies on another panel"
        cells |= area
        if panel["type"] != "row":
            assert panel["description"], panel["title"]
            assert panel["datasource"]["uid"] == source["uid"], panel["title"]


def test_grafana_finds_prometheus_and_the_dashboard(compose: Any, root: Path) -> None:
    provisioning = root / "deploy/grafana/provisioning"
    source = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text("utf-8"))
    provider = yaml.safe_load((provisioning / "dashboards/careline.yml").read_text("utf-8"))
    grafana = compose["services"]["grafana"]
    directory = provider["providers"][0]["options"]["path"]

    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    assert f"./deploy/grafana/dashboards:{directory}:ro" in grafana["volumes"]
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{directory}/careline.json"


def targets(dashboard: Any) -> Iterator[tuple[Any, Any]]:
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel, target
