"""What a network said of a movie with known truth, kept in the run's folder: answers, not figures.

So every figure on a page is counted anew from them, whenever the page is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from organoid_kit.base import NetworkSettings, UserError, files, find_free_path
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.evaluation import score_positions
from organoid_kit.evaluation.positions import PositionScore
from organoid_kit.plots.drawing import describe, write_png
from organoid_kit.report.mistakes import plot_worst_mistakes
from organoid_kit.training import Run
from organoid_kit.training.runs import describe_movie

_PROBABILITIES = {
    "position": "probability",
    "division": "division_probability",
    "link": "link_probability",
}


@dataclass(frozen=True, eq=False)
class MovieResult:
    """What a network said of a movie with known truth."""

    settings: NetworkSettings
    data: dict[str, Any]  # the movie, its time points and checksums
    truth: Annotations
    # all candidates with their "probability", positions with their "division_probability", or all
    # candidate links with their "link_probability"
    found: Annotations
    blobs: Annotations | None  # None where the blob detector was not asked
    threshold: float  # answers from this probability on count as yes
    calibration: tuple[float, float] = (1.0, 0.0)  # slope and intercept they have gone through
    picture: bytes | None = None  # the worst mistakes as PNG
    words: str = ""  # what the picture shows

    @property
    def name(self) -> str:
        """Of the movie."""
        return self.data["name"]

    @property
    def score(self) -> PositionScore:
        """Of a position network."""
        return score_positions(self.truth, self.found, threshold=self.threshold)

    @property
    def blob_score(self) -> PositionScore | None:
        """Of the blob detector."""
        return None if self.blobs is None else score_positions(self.truth, self.blobs)


def save_movie_result(
    run: Run,
    annotated: AnnotatedMovie,
    found: Annotations,
    threshold: float,
    *,
    blobs: Annotations | None = None,
    channels: Sequence[int] = (1,),
) -> None:
    """Puts what a network said of a movie into the run's folder, with the worst mistakes.

    A result of the same movie that is there already is replaced.

    Args:
        run: whose network it was.
        annotated: the movie and its truth; never one that was trained on.
        found: of a position network all candidates, with their "probability"; of a division network
            what `predict_divisions` gave; of a link network what `predict_links` gave.
        threshold: answers from this probability on count as yes.
        blobs: what the blob detector found, for a position network.
        channels: in the picture of a position network; the other two show what they saw.

    Raises:
        UserError: the folder cannot be written, or the answers lack their probability.
    """
    known = found.link_properties if run.settings.network == "link" else found.properties
    if (name := _PROBABILITIES[run.settings.network]) not in known:
        raise UserError(
            f"A result of a {run.settings.network} network needs a {name}. Received: only "
            f"{', '.join(known) or 'none'} in {found.name!r}. Pass what the network predicted."
        )
    annotated, found = annotated.with_spacing(), found.with_spacing(annotated.movie.spacing_um)
    drawing = plot_worst_mistakes(annotated, found, threshold, run.settings, channels)
    calibration = read_calibration(run) or {"slope": 1.0, "intercept": 0.0}
    record = {
        "data": describe_movie("test", annotated),
        "threshold": threshold,
        "mistakes": describe(drawing),
        "calibration": [calibration["slope"], calibration["intercept"]],
    }
    kept = {"truth": annotated.annotations, "found": found, "blobs": blobs}
    with files.write_safely(_choose_folder(run, record["data"]), overwrite=True) as temporary:
        for name, annotations in kept.items():
            if annotations is not None:
                write_aut(annotations, temporary / f"{name}.aut")
        files.write_json_safely(temporary / "result.json", record)
        files.write_bytes_safely(temporary / "mistakes.png", write_png(drawing))


def read_calibration(run: Run) -> dict[str, Any] | None:
    """What calibrating the run's network came to; None where nobody has."""
    file = run.folder / "calibration.json"
    return files.read_json(file) if file.exists() else None


def _choose_folder(run: Run, data: dict[str, Any]) -> Path:
    """That of the earlier result of the same movie, or else one that does not exist yet."""
    for file in _list_files(run):
        earlier = _read_record(file)["data"]
        if all(earlier[key] == data[key] for key in ("name", "images_sha256")):
            return file.parent
    folder = run.folder / "results" / files.make_file_name(data["name"])
    return find_free_path(folder) if folder.exists() else folder


def read_movie_results(run: Run) -> list[MovieResult]:
    """What `save_movie_result` has put into the run's folder, by name; UserError where damaged."""
    return [_read_result(run.settings, file) for file in _list_files(run)]


def _list_files(run: Run) -> list[Path]:
    return sorted(run.folder.glob("results/*/result.json"))


def _read_result(settings: NetworkSettings, file: Path) -> MovieResult:
    record, folder = _read_record(file), file.parent
    picture, blobs = folder / "mistakes.png", folder / "blobs.aut"
    return MovieResult(
        settings=settings,
        data=record["data"],
        truth=read_aut(folder / "truth.aut"),
        found=read_aut(folder / "found.aut"),
        blobs=read_aut(blobs) if blobs.exists() else None,
        threshold=record["threshold"],
        calibration=tuple(record.get("calibration", (1.0, 0.0))),
        picture=picture.read_bytes() if picture.exists() else None,
        words=record["mistakes"],
    )


def _read_record(file: Path) -> dict[str, Any]:
    record = files.read_json(file)
    if not isinstance(record, dict) or not {"data", "threshold", "mistakes"} <= record.keys():
        raise UserError(
            f"A result must have its data, a threshold and words on mistakes. Received: {file}. "
            "Remove this folder and predict and score the movie again."
        )
    return record
