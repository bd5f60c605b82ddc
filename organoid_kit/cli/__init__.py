"""The command line: `python -m organoid_kit`. Thin wrappers around what the notebooks call.

Its modules, in the order of use:

    commands.json   what can be typed, and what --help says
    options         makes a parser of it
    check  train  predict  track  score  demo    a command each
    runs            the small ones: runs, report, card, export
    files           movies and annotations that were named, and where results go

A mistake that the user can mend is one message and exit code 2; Ctrl-C says what was saved and how
to go on, and exits with 130. Keras is loaded only by the commands that need it, so that `--help`
comes at once.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module

from organoid_kit import __version__
from organoid_kit.base import UserError
from organoid_kit.cli.options import add_commands

_OF_RUNS = ("report", "card", "export")  # stand in the module `runs`


def build_parser() -> ArgumentParser:
    """All commands and their options."""
    description = "Follow nuclei in movies of organoids."
    parser = ArgumentParser(prog="python -m organoid_kit", description=description)
    parser.add_argument("--version", action="version", version=f"organoid_kit {__version__}")
    add_commands(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command, with the arguments of this process where none are given.

    Returns the exit code: 0 all is well, 1 errors were found in annotations, 2 the user must change
    something, 130 the user has interrupted.
    """
    options = vars(build_parser().parse_args(arguments))
    name = options.pop("command")
    try:
        module = import_module(f"organoid_kit.cli.{'runs' if name in _OF_RUNS else name}")
        return getattr(module, name)(**options) or 0
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. Nothing was left half written.", file=sys.stderr)
        return 130
