"""`python -m careline_contracts.schemas [--write]`: check or renew the golden schemas.

A breaking change is refused: give the type a new version (`….v2`) and keep saying the old one
until its readers have moved.
"""

import argparse
import sys
from pathlib import Path

from careline_contracts import schemas


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m careline_contracts.schemas")
    parser.add_argument("--write", action="store_true", help="renew the files")
    parser.add_argument("--folder", type=Path, default=schemas.FOLDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)

    refused = schemas.refusals(options.folder)
    if refused:
        print("Breaking changes need a new version of the type:", *refused, sep="\n  ")
        return 1
    if options.write:
        schemas.write(options.folder)
    different = schemas.differences(options.folder)
    if different:
        print("Golden schemas (renew with --write):", *different, sep="\n  ")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
