"""Every service has the same shape: whoever knows one finds the way in all of them."""

from pathlib import Path

import pytest

from careline_contracts.topics import SERVICES, WITH_DATABASE

ROOT = Path(__file__).parents[2]
EVERY = {"__init__", "__main__", "app", "handlers", "rules", "policy", "metrics"}
WITH_TABLES = {"model", "store", "tables", "migrations", "api"}
TESTED = {"test_rules.py", "test_handlers.py", "test_api.py"}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_the_parts_of_a_service(service: str) -> None:
    package = ROOT / "services" / service / f"careline_{service}"
    parts = {path.name.split(".")[0] for path in package.iterdir()}

    assert (package.parent / "README.md").is_file()
    assert (package / "policy.yaml").is_file() and (package / "py.typed").is_file()
    assert parts >= EVERY
    assert (parts >= WITH_TABLES) == (service in WITH_DATABASE)
    assert {path.name for path in (ROOT / "tests" / service).iterdir()} >= TESTED
