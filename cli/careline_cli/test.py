"""`careline test`: the whole test suite, which starts and stops real stacks of its own."""

import os
import sys

import typer

from careline_cli.checkout import ROOT

# Two keep two cores busy where one waits half of its time; each has servers and services of its
# own, of which more would not fit into the memory of a laptop.
_WORKERS = ("-n", "logical", "--maxprocesses", "2")


def test(context: typer.Context) -> None:
    """Run the test suite in two processes; whatever you add is passed on to pytest.

    [bold]Examples[/]

    careline test

    careline test tests/scoring -k dormant

    careline test -m 'not stack'   # only what needs no servers

    careline test -n 0 -s tests/scoring   # in one process, which shows all that is printed
    """
    os.chdir(ROOT)
    # In the place of this process: Ctrl-C reaches pytest, which stops the servers it started.
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *_WORKERS, *context.args])  # noqa: S606
