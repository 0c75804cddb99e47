"""`careline test`: the whole test suite, which starts and stops a real stack of its own."""

import os
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
    os.chdir(ROOT)
    # In the place of this process: Ctrl-C reaches pytest alone, which stops the servers it started.
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *context.args])  # noqa: S606
