"""`track`: nuclei, divisions and links in movies, and the tracks they make."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from organoid_kit import networks as rooms, prediction, report as pages, tracking
from organoid_kit.base import NetworkSettings, make_error, refuse_if
from organoid_kit.cli import files, predict
from organoid_kit.cli.score import compute_track_scores, format_track_scores
from organoid_kit.data import AnnotatedMovie, Annotations, timelapse
from organoid_kit.data.formats import read_for_movie
from organoid_kit.evaluation.matching import choose_radius_um
from organoid_kit.examples.batches import Movies
from organoid_kit.tracking.linking import choose_max_distance


def track(
    movies: Sequence[Path],
    output: Path,
    position: str = "position_small",
    division: str = "division_small",
    link: str = "link_small",
    from_positions: Path | None = None,
    form: str | None = None,
    channels: tuple[int, ...] | None = None,
    score: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    array: str | None = None,
    block: int = 10,
    status: bool = False,
    **reading: Any,
) -> None:
    """Tracks one movie or several, each written as soon as it is done."""
    from organoid_kit.cli import units

    if status:
        return units.print_states(output)
    if bool(movies) == bool(from_positions):
        raise make_error("movies or positions", received="both" if movies else "neither")
    refuse_if(from_positions and (form == "ctc" or score), "positions alone", from_positions)
    if from_positions:
        return _track_positions(from_positions, output, form, **reading)
    opened = files.open_movies(movies, **reading)
    report = output.with_name(f"{output.stem}_report") if score else None
    networks = (position, division, link)
    if workers is not None or scheduler or array:
        refuse_if(score, "shared scored", output)
        where = {"workers": workers, "scheduler": scheduler, "array": array}
        return units.track_in_units(opened, networks, channels, output, form, block, **where)
    _track_movies(opened, networks, channels, output, form, report)


def _track_movies(
    movies: Movies,
    networks: Sequence[str],
    channels: tuple[int, ...] | None,
    output: Path,
    form: str | None,
    report: Path | None,
) -> None:
    """Where a folder for a report is named, scores them, too."""
    refuse_if(report and report.exists(), "report exists", report)
    if report and not any(len(annotated.annotations.links) for annotated in movies):
        raise make_error("true links", ", ".join(annotated.movie.name for annotated in movies))
    outputs = files.choose_outputs(output, [annotated.movie.name for annotated in movies], form)
    writer = files.TrackWriter(output, form)
    files.load_keras()
    known = load_settings(movies, networks, channels)
    for annotated, path in zip(movies, outputs, strict=True):
        with files.resume_file(path) as note:
            options = {"channels": channels, "resume_file": note}
            tracked = prediction.track_movie(annotated.movie, *networks, **options)
            print(f"{annotated.movie.name}: {tracked}")
            print_doubts(tracked.tracks)
            if not len(annotated.annotations):
                print(f"  {predict.describe_calibration(*known)}")
            written = writer.write(tracked.tracks, path, annotated)
        print(*(f"  {file}" for file in written), sep="\n")
        if report:
            _score(annotated, tracked, report, networks, channels)
    if report and report.exists():
        pages.write_tracking_report(report, report / "report.html")
        print(f"Report: {report / 'report.html'}")


def load_settings(
    movies: Movies, networks: Sequence[str], channels: tuple[int, ...] | None
) -> list[NetworkSettings]:
    """Of the networks. Raises UserError where a movie has several channels and nobody has named
    some, here or to one of the networks.
    """
    known = [rooms.load_settings(network) for network in networks]
    if not channels and NetworkSettings().channels in [settings.channels for settings in known]:
        files.require_channels(annotated.movie for annotated in movies)
    return known


def print_doubts(tracks: Annotations) -> None:
    """How many errors are expected, and what to look at first."""
    print(f"  {tracking.estimate_errors(tracks)}")
    doubts = tracking.list_doubts(tracks, most=None)
    if doubts:
        print(f"  Look first at, of {len(doubts)}:")
        print(*(f"    {doubt}" for doubt in doubts[:5]), sep="\n")


def _score(
    annotated: AnnotatedMovie,
    tracked: "prediction.movie.TrackedMovie",
    report: Path,
    networks: Sequence[str],
    channels: tuple[int, ...] | None,
) -> None:
    """Prints what is right, where that is known, and keeps the tracks for the report."""
    movie, shown = annotated.movie, annotated.movie
    if len(annotated.annotations.links):
        shown = annotated.with_spacing()
        near_um = choose_radius_um([movie])
        print(format_track_scores(compute_track_scores(shown.annotations, tracked.tracks, near_um)))
    else:
        print(f"{movie.name} has no true links: not scored")
    if len(tracked.tracks):
        pages.save_tracking(report, shown, tracked, networks, channels=channels)
    else:
        print(f"Nothing was found in {movie.name}: there is nothing to report.")


def _track_positions(path: Path, output: Path, form: str | None, **reading: Any) -> None:
    """Tracks known positions by distance alone, see `tracking.distance`."""
    [chosen] = files.choose_outputs(output, [path.stem], form)
    positions = read_for_movie(path, reading.get("spacing_um"), **files.take_file_options(reading))
    size = timelapse.compute_relative_size(reading.get("nucleus_diameter_um"))
    reach_um = choose_max_distance(positions, relative_size=size)
    candidates = tracking.find_candidates(positions, max_distance_um=reach_um)
    tracks = tracking.add_error_probabilities(candidates, tracking.build_tracks(candidates))
    counts = f"{len(tracks.links)} links, {len(tracks.divisions())} divisions"
    print(f"{path.name}: {len(tracks)} positions, {counts}")
    print_doubts(tracks)
    for file in files.TrackWriter(output).write(tracks, chosen):
        print(f"  {file}")
