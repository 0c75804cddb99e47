"""`python -m careline_cli`: an expected error ends in one panel and exit code 1."""

import sys

from careline_cli.app import app
from careline_cli.console import CommandError, show_error
from careline_localstack import StackError


def main() -> None:
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


if __name__ == "__main__":
    main()
