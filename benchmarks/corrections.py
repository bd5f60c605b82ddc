"""What thirty corrections do for tracks: the most doubtful looked at first, or positions at random.

    python benchmarks/corrections.py                                   # eight slow movies, from images
    python benchmarks/corrections.py --kind fast --seed 511 --movies 2 --true-positions
    python benchmarks/corrections.py --kind restless --seed 521 --movies 4 --true-positions
    python benchmarks/corrections.py --speed      # 3,000 positions made of coordinates alone

Invented movies that no part of this was chosen by are tracked by the shipped networks, from their
images, or with their true positions. A person who knows the truth then looks at one thing after another, as in the
track explorer, and says what is so; where that is not what the tracks say, they are solved again
around it. Each look counts, also where nothing was wrong. Errors are links that are wrong and true
links that are missing.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from _held_out import FAST, RESTLESS, make_like_samples

from tracking import make_candidates, make_truth

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from organoid_kit.base.settings import NETWORKS
from organoid_kit.dashboards.tracks.mending import TrackEditor
from organoid_kit.dashboards.tracks.pins import Pin, Place, list_links, list_places
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import make_timelapse
from organoid_kit.evaluation.matching import match_to_truth
from organoid_kit.evaluation.tracks import judge_links
from organoid_kit.prediction.crops import predict_divisions, predict_links
from organoid_kit.prediction.movie import TrackedMovie, load_networks, solve, track_movie
from organoid_kit.tracking.errors import list_doubts

ORDERS = 3  # random ones of each movie
KINDS = {"slow": {}, "fast": FAST, "restless": RESTLESS}
SHIPPED = [f"{name}_small" for name in NETWORKS]
CHANNELS = (2, 3)
What = tuple[str, Place]  # what a person looks at: of a position its link, start, end or division


def count_errors(tracks: Annotations, truth: Annotations) -> int:
    """Links that are wrong, and true ones that are missing."""
    right = judge_links(truth, tracks)
    found = int(np.equal(right, True).sum())
    return int(np.equal(right, False).sum()) + len(truth.links) - found


def say_truth(what: What, tracks: Annotations, truth: Annotations) -> list[Pin]:
    """What somebody who knows the truth says; nothing where the tracks are right."""
    kind, place = what
    places, true_places = list_places(tracks), list_places(truth)
    partners = match_to_truth(truth, tracks)
    row = places.index(place)
    own = partners[row]
    if own < 0:
        return [Pin("nucleus", (place,), False)]
    found = {true: places[number] for number, true in enumerate(partners.tolist()) if true >= 0}
    side = 0 if kind in ("end", "division") else 1  # of true links: where it leads, or comes from
    true = truth.links[truth.links[:, side] == own, 1 - side].tolist()
    for other in true:
        if other not in found:
            return [Pin("nucleus", (true_places[other],))]
    ends = [found[other] for other in true]
    pairs = [(place, end) if side == 0 else (end, place) for end in ends]
    now = [link for link in list_links(tracks) if link[side] == place]
    if set(now) == set(pairs):
        return []
    if side == 0 and len(now) > 1 and len(pairs) < 2:
        return [Pin("division", (place,), False), *(Pin("link", pair) for pair in pairs)]
    said = [Pin("division", (place,))] if len(pairs) == 2 else []
    said += [Pin("link", pair) for pair in pairs]
    return said or [Pin("link", link, False) for link in now]


def list_most_doubtful(editor: TrackEditor) -> Iterator[What]:
    """The most doubtful that was not looked at, again and again."""
    seen: set[What] = set()
    while True:
        doubts = list_doubts(editor.tracks, most=None, least=0)
        all_whats = [
            (each.what, (float(each.time_point), *each.position.tolist())) for each in doubts
        ]
        left = [each for each in all_whats if each not in seen]
        if not left:
            return
        seen.add(left[0])
        yield left[0]


def list_at_random(editor: TrackEditor, rng: np.random.Generator) -> Iterator[What]:
    """Where positions come from, in random order."""
    places = list_places(editor.tracks)
    for row in rng.permutation(len(places)):
        if places[row] in set(list_places(editor.tracks)):
            yield "link", places[row]


def correct(editor: TrackEditor, whats: Iterator[What], truth: Annotations, looks: int) -> list:
    """Errors at the beginning and after each look, and the seconds of the slowest correction."""
    errors, slowest = [count_errors(editor.tracks, truth)], 0.0
    for _, what in zip(range(looks), whats):
        if said := say_truth(what, editor.tracks, truth):
            begin = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                editor.correct("said", said)
            slowest = max(slowest, time.perf_counter() - begin)
        errors.append(count_errors(editor.tracks, truth))
    return [errors + errors[-1:] * (looks + 1 - len(errors)), slowest]


def track(annotated: AnnotatedMovie, true_positions: bool) -> TrackedMovie:
    """Tracks of the shipped networks."""
    if not true_positions:
        return track_movie(annotated.movie, *SHIPPED, channels=CHANNELS, show_progress=False)
    networks, found = load_networks(SHIPPED, CHANNELS), annotated.annotations
    for name, predict in (("division", predict_divisions), ("link", predict_links)):
        network, settings = networks[name]
        found = predict(network, annotated.movie, found, settings, show_progress=False)
    return solve(found, annotated.movie, seconds={})


def measure(annotated: AnnotatedMovie, tracked: TrackedMovie, looks: int) -> list[list[float]]:
    """Errors by look: doubts first, then the mean of the random orders."""
    movie, truth, curves = annotated.movie, annotated.annotations, []
    for number in range(ORDERS + 1):
        with tempfile.TemporaryDirectory() as folder:
            what = (tracked.tracks, movie, tracked.candidates, Path(folder) / "mended.aut")
            editor = TrackEditor(*what)
            rng = np.random.default_rng(number)
            whats = list_at_random(editor, rng) if number else list_most_doubtful(editor)
            errors, slowest = correct(editor, whats, truth, looks)
        curves.append(errors)
        if number == 0:
            print(f"  slowest correction {slowest:.2f} s", flush=True)
    return [curves[0], np.mean(curves[1:], axis=0).tolist()]


def main() -> None:
    """Prints errors by movie, and all together."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=KINDS, default="slow")
    parser.add_argument("--seed", type=int, default=441, help="of the first movie")
    parser.add_argument("--movies", type=int, default=8)
    parser.add_argument("--looks", type=int, default=30)
    parser.add_argument("--true-positions", action="store_true")
    parser.add_argument("--speed", action="store_true")
    chosen, curves = parser.parse_args(), []
    if chosen.speed:
        measure_speed()
        return
    for seed in range(chosen.seed, chosen.seed + chosen.movies):
        annotated = make_like_samples(seed, chosen.kind, **KINDS[chosen.kind])
        tracked = track(annotated, chosen.true_positions)
        print(f"{annotated.name}: {len(tracked.tracks)} positions", flush=True)
        curves.append(measure(annotated, tracked, chosen.looks))
        say(curves[-1])
    print("all together:")
    say(np.sum(curves, axis=0))


def measure_speed() -> None:
    """Prints how long a correction takes, with candidates and without."""
    rng = np.random.default_rng(5)
    candidates = make_candidates(make_truth(330, 10, rng), rng)
    candidates = candidates.select((candidates.positions >= 0).all(axis=1))
    shape = np.ceil(candidates.positions.max(axis=0)).astype(int) + 2
    movie = make_timelapse(np.zeros((10, 1, *shape), np.uint8), candidates.spacing_um)
    tracks = solve(candidates, movie, seconds={}).tracks
    for known in (candidates, None):
        with tempfile.TemporaryDirectory() as folder:
            editor, seconds = TrackEditor(tracks, movie, known, Path(folder, "mended.aut")), []
            for number in range(11):
                link = list_links(editor.tracks)[200 * number]
                begin = time.perf_counter()
                editor.correct("cut", [Pin("link", link, False)])
                seconds.append(time.perf_counter() - begin)
        rest = f"then median {np.median(seconds[1:]):.2f}, longest {max(seconds[1:]):.2f}"
        what = "with their candidates" if known else "alone"
        print(f"{len(tracks)} positions {what}: first correction {seconds[0]:.2f} s, {rest}")


def say(curves: list[list[float]]) -> None:
    """Errors after some of the looks."""
    for name, curve in zip(("most doubtful first", "at random"), curves):
        shown = ", ".join(f"{errors:.1f}" for errors in curve[::5])
        print(f"  {name}: errors after 0, 5, 10, … looks: {shown}", flush=True)


if __name__ == "__main__":
    main()
