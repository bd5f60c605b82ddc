"""`report`: what a run did, on one page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from organoid_kit.cli.options import add_command
from organoid_kit.runs import Run


def add_options(commands: Any) -> None:
    """The command `report` and its options."""
    parser = add_command(commands, "report", _report, "Write the report of a run: one HTML page, and JSON beside it.")
    parser.add_argument("run", type=Path, help="a run's folder")
    parser.add_argument("-o", "--output", type=Path, help="the page; else report.html in the run's folder")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier report")


def _report(options: argparse.Namespace) -> None:
    """Writes the report of a run, anew if need be."""
    from organoid_kit.report import write_report

    run = Run(options.run)
    output = options.output or options.run / "report.html"
    write_report(output, run, overwrite=options.overwrite)
    print(f"Report: {output}")
