"""`report`: what a run did, or tracked movies, or several runs beside each other, on one page."""

from collections.abc import Sequence
from pathlib import Path

from organoid_kit.base import UserError
from organoid_kit.training import Run


def report(runs: Sequence[Path], output: Path | None = None, overwrite: bool = False) -> None:
    """Writes the page, anew if need be."""
    from organoid_kit.report import write_comparison, write_report, write_tracking_report

    if len(runs) > 1 and output is None:
        raise UserError(
            "A comparison belongs to no single run. "
            f"Received: {len(runs)} runs without --output. Add -o comparison.html."
        )
    output = output or runs[0] / "report.html"
    if len(runs) > 1:
        write_comparison(output, [Run(folder) for folder in runs], overwrite=overwrite)
    elif any(runs[0].glob("*/tracking.json")):
        write_tracking_report(runs[0], output, overwrite=overwrite)
    else:
        write_report(output, Run(runs[0]), overwrite=overwrite)
    print(f"Report: {output}")
