"""What is made of runs and networks: `runs`, `report`, `card` and `export`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from organoid_kit import networks, report as pages
from organoid_kit.base import files, refuse_if
from organoid_kit.cli.files import load_keras
from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data import AnnotatedMovie
from organoid_kit.training import Run, compare_runs


def runs(folder: Path) -> None:
    """Prints the runs of a folder as a table."""
    print(compare_runs(folder))


def report(runs: Sequence[Path], output: Path | None = None, overwrite: bool = False) -> None:
    """Writes a page, anew if need be: what a run did, or tracked movies, or runs side by side."""
    refuse_if(len(runs) > 1 and output is None, "comparison output", count=len(runs))
    output = output or runs[0] / "report.html"
    files.remove_leftovers(runs[0])
    if len(runs) > 1:
        pages.write_comparison(output, [Run(folder) for folder in runs], overwrite=overwrite)
    elif any(runs[0].glob("*/tracking.json")):
        pages.write_tracking_report(runs[0], output, overwrite=overwrite)
    else:
        pages.write_report(output, Run(runs[0]), overwrite=overwrite)
    print(f"Report: {output}")


def card(network: str, output: Path, **options: Any) -> None:
    """Writes a folder with a network and its model card."""
    load_keras()
    folder = pages.model_card.write_model_card(network, output, **options)
    print(f"Card: {folder / 'README.md'}")


def export(
    network: str,
    output: Path,
    to: str = "organoidtracker",
    spacing_um: tuple[float, ...] = (),
    planes: int = 30,
    overwrite: bool = False,
    **people: str,
) -> None:
    """Writes a network for other programs, and says where it stands how to use it there."""
    load_keras()
    if to == "bioimageio":
        from organoid_kit.report.bioimageio import write_bioimageio

        example = _invent_example(networks.load_settings(network).spacing_um or (2.0, 1.0, 1.0))
        options = {"channels": (2, 3), "overwrite": overwrite} | people
        archive = write_bioimageio(network, output, example, **options)
        print(f"For bioimage.io: {archive}\nHow to use it: {output / 'README.md'}")
        return
    options = {"spacing_um": spacing_um, "planes": planes, "overwrite": overwrite}
    folder = networks.export.export_to_organoidtracker(network, output, **options)
    print(f"OrganoidTracker's model_folder: {folder}\nWhat to set there: {folder / 'README.txt'}")


def _invent_example(spacing_um: tuple[float, ...]) -> AnnotatedMovie:
    """A small organoid that may be given away; some nuclei divide."""
    look = {"shape_zyx": (16, 96, 96), "spacing_um": spacing_um, "time_points": 5, "nuclei": 40}
    settings = SyntheticSettings(**look, cycle_time_points=10.0)
    return AnnotatedMovie(*make_synthetic_movie(settings, seed=1))
