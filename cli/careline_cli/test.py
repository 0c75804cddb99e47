"""`careline test`: the whole test suite, which starts and stops a real stack of its own."""

import subprocess
import sys

import typer

from careline_cli.checkout import ROOT


def test(context: typer.Context) -> None:
    """Run the test suite; whatever you add is passed on to pytest.

    [bold]Examples[/]

    careline test

    careline test tests/scoring -k dormant

    careline test -m 'not stack'   # only what needs no servers
    """
    done = subprocess.run([sys.executable, "-m", "pytest", *context.args], cwd=ROOT, check=False)
    raise typer.Exit(done.returncode)
