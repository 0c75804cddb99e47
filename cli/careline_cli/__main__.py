"""`python -m careline_cli`: an expected error ends in one panel and exit code 1."""

import signal
import sys
from types import FrameType

from careline_cli.app import app
from careline_cli.console import CommandError, show_error
from careline_localstack import StackError


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup is to be respected
            signal.signal(number, _interrupt)
    try:
        app(prog_name="careline")
    except (StackError, CommandError) as error:
        show_error(error)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise  # not about a file: a bug, and its traceback is wanted
        show_error(CommandError(f"{error.filename} cannot be used.", why=error.strerror or ""))
        sys.exit(1)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """As Ctrl-C: what was started is stopped. Once, so that stopping is not cut short itself."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda number, frame: None)
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
