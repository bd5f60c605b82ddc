"""The command line: `python -m organoid_kit`. Thin wrappers around what the notebooks call.

A mistake that the user can mend is one message and exit code 2; Ctrl-C says what was saved and how
to go on, and exits with 130. Keras is loaded only by the commands that need it, so that `--help`
comes at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from organoid_kit import __version__
from organoid_kit.base.errors import UserError
from organoid_kit.cli import card, check, demo, export, predict, report, runs, score, track, train

_COMMANDS = (check, train, predict, track, score, report, export, card, demo, runs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: of the command line, without the program's name; None for those of this process.

    Returns:
        The exit code: 0 all is well, 1 errors were found in annotations, 2 the user must change
        something, 130 the user has interrupted.
    """
    options = _build_parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. Nothing was left half written.", file=sys.stderr)
        return 130


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m organoid_kit", description="Follow nuclei in movies of organoids."
    )
    parser.add_argument("--version", action="version", version=f"organoid_kit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_options(commands)
    return parser
