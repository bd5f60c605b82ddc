"""`track`: nuclei, divisions and links in movies, and the tracks they make."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import NETWORKS, NetworkSettings
from organoid_kit.cli.opening import NamedMovie, open_movies
from organoid_kit.cli.options import (
    CHANNELS_HELP,
    add_command,
    add_reading,
    add_time_point_offset,
    parse_numbers,
)
from organoid_kit.cli.outputs import FORMATS, choose_outputs
from organoid_kit.cli.shared import find_spacing, load_keras, read_positions, require_channels
from organoid_kit.cli.track_scores import compute_track_scores, format_track_scores
from organoid_kit.cli.track_writing import TrackWriter
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.tracking.build import build_tracks
from organoid_kit.tracking.errors import add_error_probabilities, estimate_errors, list_doubts
from organoid_kit.tracking.linking import find_candidates

if TYPE_CHECKING:
    from organoid_kit.prediction.movie import TrackedMovie

_SHOWN = 5  # what to look at first


def add_options(commands: Any) -> None:
    """The command `track` and its options."""
    parser = add_command(
        commands, "track", _track, "Find nuclei, divisions and links in movies, and make tracks."
    )
    parser.add_argument(
        "movies", type=Path, nargs="*", metavar="movie", help="a movie or an .autlist"
    )
    for network in NETWORKS:
        default = f"{network}_small"
        parser.add_argument(
            f"--{network}",
            default=default,
            metavar="NETWORK",
            help=f"{network} network ({default})",
        )
    help_text = "without movies and networks: track these positions by their coordinates alone"
    parser.add_argument("--from-positions", type=Path, metavar="FILE", help=help_text)
    output_help = ".aut, .csv or .geff, or a folder for the files of several movies"
    parser.add_argument("-o", "--output", type=Path, required=True, help=output_help)
    format_help = "in a folder (aut); ctc: Cell Tracking Challenge folders"
    parser.add_argument("--format", choices=tuple(FORMATS), help=format_help)
    parser.add_argument(
        "--channels", type=parse_numbers, help=f"{CHANNELS_HELP}; else those the networks were told"
    )
    score_help = "compare with the links of the .autlist, and write a report"
    parser.add_argument("--score", action="store_true", help=score_help)
    add_time_point_offset(parser)
    add_reading(parser)


def _track(options: argparse.Namespace) -> None:
    """Tracks one movie or several, each written as soon as it is done."""
    if bool(options.movies) == bool(options.from_positions):
        raise UserError(
            "Tracks are made of movies, or of positions alone. Received: "
            f"{'both' if options.movies else 'neither'}. Name movies, or --from-positions FILE."
        )
    if options.from_positions:
        return _track_positions(options)
    movies = open_movies(options)
    if options.score:
        _check_scoring(movies, options)
    outputs = choose_outputs(options.output, [each.movie.name for each in movies], options.format)
    writer = TrackWriter(options.output, options.format)
    load_keras()
    _check_channels(movies, options)
    for each, output in zip(movies, outputs, strict=True):
        tracked = _track_movie(each.movie, output, options)
        print(f"{each.movie.name}: {tracked}")
        print_doubts(tracked.tracks)
        for file in writer.write(tracked.tracks, each, output):
            print(f"  {file}")
        _choose_note_path(output).unlink(missing_ok=True)
        if options.score:
            _score(each, tracked, options)
    if options.score and _choose_report_folder(options).exists():
        print(f"Report: {_write_report(options)}")


def _choose_report_folder(options: argparse.Namespace) -> Path:
    return options.output.with_name(f"{options.output.stem}_report")


def _check_scoring(movies: Sequence[NamedMovie], options: argparse.Namespace) -> None:
    """Raises UserError where no movie says what is right, or the report exists."""
    folder = _choose_report_folder(options)
    if folder.exists():
        raise UserError(
            f"Existing files are never overwritten. Received: {str(folder)!r}, where the report would go. "
            "Choose another --output."
        )
    if not any(each.annotations is not None and len(each.annotations.links) for each in movies):
        raise UserError(
            f"Scores need true links. Received: --score for {', '.join(each.movie.name for each in movies)} without "
            "any. Name an .autlist whose annotations have links, or leave out --score."
        )


def _check_channels(movies: Sequence[NamedMovie], options: argparse.Namespace) -> None:
    """Refuses to guess channels where nobody named them to one of the networks either."""
    from organoid_kit.networks.saving import load_settings

    told = [load_settings(getattr(options, network)).channels for network in NETWORKS]
    if not options.channels and NetworkSettings().channels in told:
        require_channels(each.movie for each in movies)


def _choose_note_path(output: Path) -> Path:
    """What an interrupted tracking leaves behind: the positions it has found."""
    return output.with_name(f"{output.name}.resume")


def _track_movie(movie: TimeLapse, output: Path, options: argparse.Namespace) -> TrackedMovie:
    """The tracks of one movie; positions that an interrupted command has found are not searched
    again.
    """
    from organoid_kit.prediction.movie import track_movie

    note, networks = _choose_note_path(output), [getattr(options, network) for network in NETWORKS]
    try:
        return track_movie(movie, *networks, channels=options.channels, resume_file=note)
    except KeyboardInterrupt:
        print(
            f"\nNuclei found so far are kept in {note}. Give the same command again to go on.",
            file=sys.stderr,
        )
        raise


def print_doubts(tracks: Annotations) -> None:
    """How many errors are expected, and what to look at first."""
    print(f"  {estimate_errors(tracks)}")
    doubts = list_doubts(tracks, most=None)
    if doubts:
        print(f"  Look first at, of {len(doubts)}:")
        print(*(f"    {doubt}" for doubt in doubts[:_SHOWN]), sep="\n")


def _score(each: NamedMovie, tracked: TrackedMovie, options: argparse.Namespace) -> None:
    """Prints what is right, where that is known, and keeps the tracks for the report."""
    from organoid_kit.report.tracking_results import save_tracking

    truth = each.annotations
    is_known = truth is not None and len(truth.links) > 0
    if is_known:
        truth = truth.with_spacing(each.movie.spacing_um)
        print(format_track_scores(compute_track_scores(truth, tracked.tracks)))
    else:
        print(f"{each.movie.name} has no true links: not scored")
    if len(tracked.tracks) == 0:
        print(f"Nothing was found in {each.movie.name}: there is nothing to report.")
        return
    shown = AnnotatedMovie(each.movie, truth) if is_known else each.movie
    networks = [getattr(options, network) for network in NETWORKS]
    save_tracking(
        _choose_report_folder(options), shown, tracked, networks, channels=options.channels
    )


def _write_report(options: argparse.Namespace) -> Path:
    """The page."""
    from organoid_kit.report.tracking_page import write_tracking_report

    page = _choose_report_folder(options) / "report.html"
    write_tracking_report(page.parent, page)
    return page


def _track_positions(options: argparse.Namespace) -> None:
    """Tracks known positions as if every near pair were as likely as not the same nucleus."""
    if options.format == "ctc" or options.score:
        raise UserError(
            "Positions alone know no movie and no truth. Received: --from-positions with --format ctc or --score. "
            "Leave these out; `score` compares the result with a truth."
        )
    path = options.from_positions
    [output] = choose_outputs(options.output, [path.stem], options.format)
    spacing = options.spacing_um or find_spacing(path)
    positions = read_positions(path, spacing, options.time_point_offset)
    candidates = find_candidates(positions)
    tracks = add_error_probabilities(candidates, build_tracks(candidates))
    print(
        f"{path.name}: {len(tracks)} positions, {len(tracks.links)} links, {len(tracks.divisions())} divisions"
    )
    print_doubts(tracks)
    for file in TrackWriter(options.output).write(tracks, None, output):
        print(f"  {file}")
