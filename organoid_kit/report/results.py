"""What a network said of a movie with known truth, kept in the run's folder: answers, not figures.

So every figure on a page is counted anew from them, whenever the page is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import (
    find_free_path,
    make_file_name,
    read_json,
    write_bytes_safely,
    write_json_safely,
    write_safely,
)
from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.formats.organoidtracker import read_aut, write_aut
from organoid_kit.evaluation.positions import PositionScore, score_positions
from organoid_kit.plots.drawing import Drawing, describe, write_png
from organoid_kit.report.mistakes import (
    plot_division_mistakes,
    plot_link_mistakes,
    plot_position_mistakes,
)
from organoid_kit.training.runs import Run, describe_movie


@dataclass(frozen=True, eq=False)
class Result:
    """What a network said of a movie with known truth.

    Attributes:
        settings: of the network.
        data: the movie, its time points and checksums.
        truth: the right answer.
        found: of a position network all candidates with their "probability"; of a division network
            positions with their "division_probability"; of a link network all candidate links with
            their "link_probability".
        blobs: what the blob detector found, or None where it was not asked.
        threshold: answers from this probability on count as yes.
        calibration: (slope, intercept) that the probabilities have gone through.
        picture: the worst mistakes as PNG, or None.
        words: what the picture shows.
    """

    settings: NetworkSettings
    data: dict[str, Any]
    truth: Annotations
    found: Annotations
    blobs: Annotations | None
    threshold: float
    calibration: tuple[float, float] = (1.0, 0.0)
    picture: bytes | None = None
    words: str = ""

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


def save_result(
    run: Run,
    annotated: AnnotatedMovie,
    found: Annotations,
    threshold: float,
    *,
    blobs: Annotations | None = None,
    channels: Sequence[int] = (1,),
) -> None:
    """Puts what a network said of a movie into the run's folder, with a picture of the worst
    mistakes.

    A result of the same movie that is there already is replaced.

    Args:
        run: whose network it was.
        annotated: the movie and its truth; never one that was trained on.
        found: of a position network all candidates, with their "probability"; of a division network
            what `predict_divisions` gave; of a link network what `predict_links` gave.
        threshold: answers from this probability on count as yes.
        blobs: what the blob detector found, for a position network.
        channels: to show in the picture of a position network, counted from 1; the other two show
            what they saw.

    Raises:
        UserError: the folder cannot be written, or the answers lack their probability.
    """
    _check_answers(run.settings, found)
    annotated = annotated.with_spacing()
    found = found.with_spacing(annotated.movie.spacing_um)
    drawing = _plot_worst(run.settings, annotated, found, threshold, channels)
    data = describe_movie("test", annotated)
    record = {
        "data": data,
        "threshold": threshold,
        "mistakes": describe(drawing),
        "calibration": _get_calibration_line(run),
    }
    with write_safely(_find_folder(run, data), overwrite=True) as temporary:
        written = {"truth": annotated.annotations, "found": found, "blobs": blobs}
        for name, annotations in written.items():
            if annotations is not None:
                write_aut(annotations, temporary / f"{name}.aut")
        write_json_safely(temporary / "result.json", record)
        write_bytes_safely(temporary / "mistakes.png", write_png(drawing))


def _check_answers(settings: NetworkSettings, found: Annotations) -> None:
    """Raises UserError where the network's probabilities are missing."""
    name = {
        "position": "probability",
        "division": "division_probability",
        "link": "link_probability",
    }[settings.network]
    known = found.link_properties if settings.network == "link" else found.properties
    if name not in known:
        raise UserError(
            f"A result of a {settings.network} network needs a {name}. Received: only {', '.join(known) or 'none'} in "
            f"{found.name!r}. Pass what the network predicted."
        )


def _plot_worst(
    settings: NetworkSettings,
    annotated: AnnotatedMovie,
    found: Annotations,
    threshold: float,
    channels: Sequence[int],
) -> Drawing:
    """The worst mistakes, whatever the network."""
    if settings.network == "division":
        return plot_division_mistakes(annotated, found, threshold, settings)
    if settings.network == "link":
        return plot_link_mistakes(annotated, found, settings)
    return plot_position_mistakes(annotated, found, threshold, channels)


def _get_calibration_line(run: Run) -> list[float]:
    """The calibration that is saved with the run's network."""
    calibration = read_calibration(run)
    return [calibration["slope"], calibration["intercept"]] if calibration else [1.0, 0.0]


def read_calibration(run: Run) -> dict[str, Any] | None:
    """What calibrating the run's network came to; None where nobody has."""
    file = run.folder / "calibration.json"
    return read_json(file) if file.exists() else None


def _find_folder(run: Run, data: dict[str, Any]) -> Path:
    """Of the earlier result of the same movie, or else one that does not exist yet."""
    for earlier in run.folder.glob("results/*/result.json"):
        if all(
            _read_record(earlier)["data"][key] == data[key] for key in ("name", "images_sha256")
        ):
            return earlier.parent
    folder = run.folder / "results" / make_file_name(data["name"])
    return find_free_path(folder) if folder.exists() else folder


def read_results(run: Run) -> list[Result]:
    """What `save_result` has put into the run's folder, by name.

    Raises:
        UserError: a file is damaged.
    """
    return [
        _read_result(run.settings, file.parent)
        for file in sorted(run.folder.glob("results/*/result.json"))
    ]


def _read_result(settings: NetworkSettings, folder: Path) -> Result:
    record = _read_record(folder / "result.json")
    picture, blobs = folder / "mistakes.png", folder / "blobs.aut"
    return Result(
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
    record = read_json(file)
    if not isinstance(record, dict) or not {"data", "threshold", "mistakes"} <= record.keys():
        raise UserError(
            f"A result must have its data, a threshold and words on mistakes. Received: {file}. "
            "Remove this folder and predict and score the movie again."
        )
    return record
