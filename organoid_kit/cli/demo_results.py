"""What the demo's networks say of a movie they have never seen, as files, pages and one small
table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from organoid_kit.base.files import make_file_name
from organoid_kit.base.settings import NETWORKS
from organoid_kit.cli.opening import NamedMovie
from organoid_kit.cli.track import print_doubts
from organoid_kit.cli.track_writing import TrackWriter
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.evaluation.blobs import find_blobs, tune_blobs
from organoid_kit.evaluation.positions import format_score
from organoid_kit.training.runs import Run

if TYPE_CHECKING:
    from organoid_kit.prediction.movie import TrackedMovie
    from organoid_kit.report.results import Result

Networks = dict[str, Run | str]  # by kind: a run, or the name of a shipped network
_ALL_CANDIDATES = (
    0.05  # peaks from this probability on are kept where scores over all thresholds are drawn
)


def collect_answers(
    networks: Networks,
    test: Sequence[AnnotatedMovie],
    seen: Sequence[AnnotatedMovie],
    channels: tuple[int, ...],
) -> dict[str, list[Result]]:
    """What each network says of each test movie: where nuclei are; of true nuclei, which divide and
    belong together.

    Args:
        networks: all three.
        test: movies that no network has seen.
        seen: movies that they have; the blob detector is tuned on them.
        channels: with nuclei; the shipped networks learned from movies with other ones.
    """
    from organoid_kit.networks.saving import load_network

    answers = {}
    for kind in NETWORKS:
        network, settings = load_network(_find_folder(networks[kind]))
        settings = settings.changed(channels=channels)
        tuned = tune_blobs(seen, channels=channels) if kind == "position" else {}
        answers[kind] = [_ask(kind, network, settings, each.with_spacing(), tuned) for each in test]
    return answers


def _find_folder(network: Run | str) -> Path | str:
    return network.folder if isinstance(network, Run) else network


def _ask(
    kind: str, network: Any, settings: Any, annotated: AnnotatedMovie, tuned: Mapping[str, Any]
) -> Result:
    """What one network says of one movie."""
    from organoid_kit.prediction.crops import predict_divisions, predict_links
    from organoid_kit.prediction.positions import predict_positions
    from organoid_kit.report.results import Result
    from organoid_kit.training.runs import describe_movie

    movie, truth, blobs = annotated.movie, annotated.annotations, None
    if kind == "position":
        found = predict_positions(network, movie, settings, threshold=_ALL_CANDIDATES)
        blobs = find_blobs(movie, **tuned)
    else:
        found = {"division": predict_divisions, "link": predict_links}[kind](
            network, movie, truth, settings
        )
    return Result(
        settings, describe_movie("test", annotated), truth, found, blobs, settings.threshold
    )


def make_tracks(
    networks: Networks, test: Sequence[AnnotatedMovie], channels: tuple[int, ...]
) -> list[TrackedMovie]:
    """Tracks of each test movie; prints where the time went, and what to look at."""
    from organoid_kit.prediction.movie import track_movie

    tracked, folders = [], [_find_folder(networks[kind]) for kind in NETWORKS]
    for annotated in test:
        tracked.append(track_movie(annotated.movie, *folders, channels=channels))
        print(f"{annotated.movie.name}: {tracked[-1]}")
        print_doubts(tracked[-1].tracks)
    return tracked


def write_tracks(
    tracked: Sequence[TrackedMovie], test: Sequence[AnnotatedMovie], folder: Path
) -> list[Path]:
    """For OrganoidTracker, for the Cell Tracking Challenge's tools and, where its library is
    installed, as GEFF.
    """
    writer, files = TrackWriter(folder), []
    endings = [".aut", "_ctc", *([".geff"] if find_spec("geff") else [])]
    for annotated, each in zip(test, tracked, strict=True):
        movie = NamedMovie(annotated.movie, annotated.annotations, annotated.images_pattern)
        for ending in endings:
            path = folder / f"{make_file_name(annotated.movie.name)}{ending}"
            files += writer.write(each.tracks, movie, path)
    return list(dict.fromkeys(files))


def make_pages(
    networks: Networks,
    answers: Mapping[str, Sequence[Result]],
    tracked: Sequence[TrackedMovie],
    test: Sequence[AnnotatedMovie],
    folder: Path,
) -> tuple[dict[str, Any], list[Path]]:
    """A page about each training and one about the tracks; all figures, and the pages."""
    from organoid_kit.report import divisions, links, positions
    from organoid_kit.report.tracking_page import write_tracking_report
    from organoid_kit.report.tracking_results import save_tracking

    kinds = {"position": positions, "division": divisions, "link": links}
    facts = {kind: kinds[kind].compute_scores(answers[kind]) for kind in NETWORKS}
    pages = [
        _write_page(run, answers[kind], test, folder / f"report_{kind}.html")
        for kind, run in networks.items()
        if isinstance(run, Run)
    ]
    folders = [_find_folder(networks[kind]) for kind in NETWORKS]
    for annotated, each in zip(test, tracked, strict=True):
        channels = answers["position"][0].settings.channels
        save_tracking(folder / "tracking", annotated, each, folders, channels=channels)
    page = folder / "report.html"
    return facts | {"tracks": write_tracking_report(folder / "tracking", page)["movies"]}, [
        *pages,
        page,
    ]


def _write_page(
    run: Run, results: Sequence[Result], test: Sequence[AnnotatedMovie], page: Path
) -> Path:
    """Keeps what a network said in its run, and writes the page about both."""
    from organoid_kit.report.results import save_result
    from organoid_kit.report.run_page import write_report

    for annotated, result in zip(test, results, strict=True):
        options = {"blobs": result.blobs, "channels": result.settings.channels}
        save_result(run, annotated, result.found, result.threshold, **options)
    write_report(page, run)
    return page


def format_table(facts: Mapping[str, Any]) -> str:
    """The figures that matter, with what they are to be compared with."""
    position, division, link = (facts[kind] for kind in NETWORKS)
    rows = [
        ("nuclei: F1", position["network"]["f1"], "blob detector", position["blob_detector"]["f1"]),
        ("divisions: average precision", division["network"]["average_precision"], "", None),
        ("divisions: F1 (±1)", division["within_1"]["f1"], "", None),
        (
            "wrong links per 1000",
            link["network"]["wrong_per_1000"],
            *_optimal(link["optimal"]["wrong_per_1000"]),
        ),
    ]
    for tracks in facts["tracks"]:
        rows += _list_track_figures(tracks)
    lines = [
        f"{name:<32}{_say(value):>12}   {f'{other} {_say(compared)}' if other else ''}"
        for name, value, other, compared in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def _say(value: float | None) -> str:
    """Whole numbers as they are, others with three decimals."""
    return str(value) if isinstance(value, int) else format_score(value)


def _optimal(value: float | None) -> tuple[str, float | None]:
    return "optimal assignment", value


def _list_track_figures(
    tracks: Mapping[str, Any],
) -> list[tuple[str, float | None, str, float | None]]:
    """Of one movie; TRA is never shown alone."""
    scores, errors = tracks["scores"], tracks["errors"]
    found, plain = (scores[method]["lineages"] or {} for method in ("tracks", "optimal"))
    division = [each.get("division_f1", {}).get("1") for each in (found, plain)]
    return [
        (f"{tracks['name']}: TRA", found.get("tra"), *_optimal(plain.get("tra"))),
        (
            "  complete tracks",
            found.get("complete_tracks"),
            *_optimal(plain.get("complete_tracks")),
        ),
        ("  division F1 (±1)", division[0], *_optimal(division[1])),
        (
            "  links expected to be wrong",
            errors["links_expected_wrong"],
            "counted",
            errors["links_wrong"],
        ),
    ]
