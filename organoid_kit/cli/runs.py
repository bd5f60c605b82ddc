"""`runs`: the runs of a folder, compared."""

from pathlib import Path

from organoid_kit.training import compare_runs


def runs(folder: Path) -> None:
    """Prints the runs of a folder as a table."""
    print(compare_runs(folder))
