"""`score`: found positions and tracks beside true ones."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from organoid_kit import report
from organoid_kit.base import errors, refuse_if
from organoid_kit.base.files import make_file_name, write_json_safely
from organoid_kit.cli import spell_option
from organoid_kit.cli.files import select_time_points, take_file_options
from organoid_kit.data import AnnotatedMovie, Annotations, read_dataset, timelapse
from organoid_kit.data.dataset import state_extent
from organoid_kit.data.formats import read_for_movie
from organoid_kit.evaluation import score_divisions, score_links, score_positions, score_tracks
from organoid_kit.evaluation.matching import MAX_DISTANCE_UM, choose_radius_um
from organoid_kit.evaluation.positions import PositionScore, format_score, pool_scores
from organoid_kit.evaluation.tracks import DivisionScore, LinkScore, TrackScore
from organoid_kit.networks import load_settings
from organoid_kit.training import Run, runs

Scores = dict[str, LinkScore | DivisionScore | TrackScore]


class _Pair(NamedTuple):
    name: str
    truth: Annotations
    found: Annotations
    annotated: AnnotatedMovie | None = None


def score(
    truth: Path,
    found: Path,
    max_distance: float | None = None,
    threshold: float | None = None,
    time_points: Sequence[int] | None = None,
    json: Path | None = None,
    run: Path | None = None,
    overwrite: bool = False,
    **reading: Any,
) -> None:
    """Compares found with true positions, and keeps both in a run where one is named."""
    refuse_if(run and truth.suffix != ".autlist", "run with pictures", truth)
    if run and threshold is None:
        threshold = load_settings(run).threshold
    of_file = take_file_options(reading)
    size = timelapse.compute_relative_size(reading.get("nucleus_diameter_um"))
    if truth.suffix == ".autlist":
        idle = [spell_option(name) for name in ("units", "time_point_offset") if name in of_file]
        refuse_if(idle, "option needs", option=", ".join(idle), others="single files")
        pairs = _read_movies(truth, found, reading)
    else:
        pairs = [_read_pair(truth, found, of_file)]
        stated = [reading.get(name, False) for name in ("whole_image", "scattered")]
        known = state_extent(pairs[0].truth, (np.inf,) * 3, size, *stated)  # however large it is
        pairs = [pairs[0]._replace(truth=known)]
    if time_points:
        kept = [select_time_points(pair.truth, *time_points) for pair in pairs]
        pairs = [pair._replace(truth=truth) for pair, truth in zip(pairs, kept)]
    if max_distance is None:
        movies = [pair.annotated.movie for pair in pairs if pair.annotated]
        max_distance = choose_radius_um(movies) if movies else MAX_DISTANCE_UM * size
    options = {"max_distance_um": max_distance, "threshold": threshold}
    scores = {pair.name: score_positions(pair.truth, pair.found, **options) for pair in pairs}
    total = pool_scores(scores.values())
    if total.warning:
        print(total.warning)
    print(format_scores(scores | ({"all movies": total} if len(scores) > 1 else {})))
    for pair in pairs:  # perhaps nobody looked there
        known, seen = (each.annotated_time_points for each in (pair.truth, pair.found))
        if empty := np.setdiff1d(known, seen).tolist():
            listed = ", ".join(map(str, empty[:10])) + (", …" if len(empty) > 10 else "")
            advice = "If nobody looked there, give --time-points."
            print(f"{pair.name}: nothing was found at time points {listed}. {advice}")
    tracks = _score_tracks(pairs, max_distance)
    if json:
        movies = {name: score.to_dict() for name, score in scores.items()}
        facts = {"movies": movies, "all": total.to_dict()}
        write_json_safely(json, facts | ({"tracks": tracks} if tracks else {}), overwrite=overwrite)
    if run:  # where `report` finds it
        kept_in = Run(run)
        channels = kept_in.settings.channels
        for pair in pairs:
            report.save_movie_result(
                kept_in, pair.annotated, pair.found, threshold, channels=channels
            )
        print(f"Kept in {kept_in.folder}; `report` shows it.")


def _read_movies(truth: Path, found: Path, reading: Mapping[str, Any]) -> list[_Pair]:
    pairs = []
    for annotated in read_dataset(truth, **reading):
        movie, shown = annotated.movie, annotated.with_spacing()
        positions = read_for_movie(found / f"{make_file_name(movie.name)}.aut", movie.spacing_um)
        pairs.append(_Pair(annotated.name, shown.annotations, positions, shown))
    return pairs


def _read_pair(truth: Path, found: Path, of_file: dict[str, Any]) -> _Pair:
    """Two files. One without a spacing has that stated, or else the other's."""
    spacing = of_file.get("spacing_um")
    for path in (truth, found):
        with suppress(errors.MissingSpacing):
            spacing = spacing or read_for_movie(path, None, **of_file).spacing_um
    known, positions = (read_for_movie(path, spacing, **of_file) for path in (truth, found))
    return _Pair(known.name or truth.stem, known, positions)


def _score_tracks(pairs: Sequence[_Pair], max_distance_um: float) -> dict[str, Any]:
    """Prints scores of links, divisions and lineages where both files have links; for JSON."""
    described = {}
    for name, truth, found, _ in pairs:
        merges = len(found.merges())
        if len(truth.links) and merges:
            reason = f"{merges} positions have several links backward"
            print(f"\n{name}: links not scored, as {reason}")
        elif len(truth.links) and len(found.links):
            scores = compute_track_scores(truth, found, max_distance_um)
            described[name] = {kind: score.to_dict() for kind, score in scores.items()}
            print(f"\n{name}\n{format_track_scores(scores)}")
    return described


def compute_track_scores(truth: Annotations, tracks: Annotations, max_distance_um: float) -> Scores:
    """Links, divisions within one time point and, with traccuracy, lineages."""
    within = {"max_distance_um": max_distance_um}
    scores: Scores = {"links": score_links(truth, tracks, **within)}
    scores["divisions"] = score_divisions(truth, tracks, by=None, **within)
    if find_spec("traccuracy"):
        scores["lineages"] = score_tracks(truth, tracks, **within)
    return scores


def format_track_scores(scores: Scores) -> str:
    """A few lines."""
    missing = 'not measured: that takes traccuracy, pip install "organoid-kit[scores]"'
    lineages = str(scores.get("lineages", missing)).splitlines()
    lines = [f"links: {scores['links']}", f"divisions by place and time: {scores['divisions']}"]
    lines.append("lineages:")
    return "\n".join([*lines, *(f"  {line}" for line in lineages)])


def format_scores(scores: dict[str, PositionScore]) -> str:
    """A table, one line for each score."""
    rows = [("", "precision", "recall", "F1", "mean distance", "right", "missed", "false")]
    for name, score in scores.items():
        rates = map(format_score, (score.precision, score.recall, score.f1))
        distance = format_score(score.mean_distance_um, " µm")
        counts = map(str, (score.matched, score.missed, score.false))
        rows.append((name, *rates, distance, *counts))
    return "\n".join(runs.align_columns(rows))
