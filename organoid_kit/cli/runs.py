"""`runs`: the runs of a folder, compared."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from organoid_kit.cli.options import add_command
from organoid_kit.training.runs import compare_runs


def add_options(commands: Any) -> None:
    """The command `runs` and its options."""
    parser = add_command(commands, "runs", _runs, "Compare the runs in a folder.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs"))


def _runs(options: argparse.Namespace) -> None:
    """Prints the runs of a folder as a table."""
    print(compare_runs(options.folder))
