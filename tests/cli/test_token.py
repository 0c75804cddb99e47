"""`careline token`: a token that the services of this home take, and nobody else's."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careline_cli.app import app
from careline_cli.console import CommandError
from careline_cli.token import MOST_MINUTES
from careline_runtime.access import Access
from careline_runtime.settings import ServiceSettings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CARELINE_HOME", str(tmp_path))
    monkeypatch.delenv("CARELINE_KEYRING", raising=False)
    return tmp_path


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["token", *arguments])
    if done.exception:
        raise done.exception
    return done.stdout


async def test_the_longest_token_is_taken_by_services_of_this_home(home: Path) -> None:
    longest = ["--minutes", str(MOST_MINUTES)]
    made = json.loads(run("--role", "supervisor", "--subject", "sue", "--json", *longest))
    access = Access.of(ServiceSettings(local_issuer=home / "token-issuer.public.json"))

    access.withdrawals.are_known = True
    caller = await access.admit(made["token"], "customers.erase")

    assert (caller.subject, caller.roles) == ("sue", frozenset({"supervisor"}))
    assert run("--role", "agent").count(".") == 2


def test_a_role_that_nobody_has_is_refused() -> None:
    done = CliRunner().invoke(app, ["token", "--role", "boss"])

    assert done.exit_code == 2
    assert "agent, account_manager, supervisor" in " ".join(done.output.split())


def test_a_token_lives_no_longer_than_services_take_one_for() -> None:
    done = CliRunner().invoke(app, ["token", "--minutes", str(MOST_MINUTES + 1)])

    assert done.exit_code == 2
    assert f"less than or equal to {MOST_MINUTES}" in " ".join(done.output.split())


def test_where_another_issuer_is_trusted_ours_makes_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELINE_OIDC_ISSUER", "https://login.example.com")

    with pytest.raises(CommandError, match="Tokens come from elsewhere"):
        run("--role", "agent")
