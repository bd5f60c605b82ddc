"""`report`: what a run did, or tracked movies, or several runs beside each other, on one page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.cli.options import add_command
from organoid_kit.training.runs import Run


def add_options(commands: Any) -> None:
    """The command `report` and its options."""
    text = "Write a report: one HTML page, and JSON beside it; of a run, of tracked movies, or of several runs."
    parser = add_command(commands, "report", _report, text)
    runs_help = "a run's folder, or several to compare, or the report folder of track --score"
    parser.add_argument("runs", type=Path, nargs="+", metavar="run", help=runs_help)
    parser.add_argument(
        "-o", "--output", type=Path, help="the page; else report.html in the folder"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier report")


def _report(options: argparse.Namespace) -> None:
    """Writes the page, anew if need be."""
    from organoid_kit.report.comparison import write_comparison
    from organoid_kit.report.run_page import write_report
    from organoid_kit.report.tracking_page import write_tracking_report

    first, overwrite = options.runs[0], options.overwrite
    output = options.output or first / "report.html"
    if len(options.runs) > 1:
        _check_output(options)
        write_comparison(output, [Run(folder) for folder in options.runs], overwrite=overwrite)
    elif any(first.glob("*/tracking.json")):
        write_tracking_report(first, output, overwrite=overwrite)
    else:
        write_report(output, Run(first), overwrite=overwrite)
    print(f"Report: {output}")


def _check_output(options: argparse.Namespace) -> None:
    if options.output is None:
        raise UserError(
            f"A comparison belongs to no single run. Received: {len(options.runs)} runs without --output. "
            "Add -o comparison.html."
        )
