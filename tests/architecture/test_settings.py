"""Every variable that is read is documented, and every setting is read."""

import re
from pathlib import Path

import pytest

from careline_runtime.settings import ServiceSettings
from careline_runtime.settings_table import BEGIN, settings_table, with_table

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/settings.md").read_text("utf-8")
SOURCES = [ROOT / "careline"] + [
    path
    for folder in ("libs", "services", "cli", "deploy")
    for path in (ROOT / folder).rglob("*.py")
]
READ = re.compile(
    r"""(?:environ(?:ment)?(?:\.get\(|\[)|getenv\()\s*["']([A-Z][A-Z0-9_]+)["']"""
    r"""|["'](CARELINE_[A-Z_]+)["']"""
)
NOT_OURS = {"SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "VIRTUAL_ENV", "M2_REPO"}
"""Variables of other programs, which the bootstrap and the jar resolver hand on."""


def test_the_table_is_current() -> None:
    assert BEGIN in PAGE
    assert with_table(PAGE) == PAGE, "careline check --fix"


@pytest.mark.parametrize("name", ServiceSettings.model_fields)
def test_a_setting_has_a_meaning(name: str) -> None:
    description = ServiceSettings.model_fields[name].description or ""

    assert description.endswith(".")
    assert description.splitlines()[0] in settings_table()


@pytest.mark.parametrize("name", ServiceSettings.model_fields)
def test_a_setting_is_used(name: str) -> None:
    runtime_and_services = [
        path.read_text("utf-8") for path in SOURCES if path.name not in {"settings.py"}
    ]

    assert any(f"settings.{name}" in text for text in runtime_and_services)


def test_every_variable_that_is_read_is_documented() -> None:
    read = {
        name
        for path in SOURCES
        for names in READ.findall(path.read_text("utf-8"))
        for name in names
        if name
    }

    assert sorted(name for name in read - NOT_OURS if f"`{name}`" not in PAGE) == []
