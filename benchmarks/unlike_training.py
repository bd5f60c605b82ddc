"""Do movies that are said to be unlike the training have lower scores?

    python benchmarks/unlike_training.py [--movies 24] [--network position_small]

Invented movies of `_wide_movies.py`, seeds from 6000 on. Printed are F1 at the network's threshold
and at the best one, and what the warning says; then the means of both groups, and by measure.
"""

from __future__ import annotations

import argparse
import os
import warnings

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from _wide_movies import make_wide_movie

from organoid_kit.evaluation.matching import choose_radius_um
from organoid_kit.evaluation.positions import score_over_thresholds, score_positions
from organoid_kit.examples.looks import find_unlike, measure_look
from organoid_kit.examples.sizes import fit_to_network
from organoid_kit.networks import load_network
from organoid_kit.prediction import predict_positions

SEED = 6000


def main() -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--movies", type=int, default=24)
    parser.add_argument("--network", default="position_small")
    chosen = parser.parse_args()
    network, settings = load_network(chosen.network)
    settings = settings.changed(channels=(2,))  # where wide movies show nuclei
    rows = []
    for seed in range(SEED, SEED + chosen.movies):
        annotated = make_wide_movie(seed)
        fitted = fit_to_network(annotated, settings)
        unlike = find_unlike(measure_look([fitted], settings), settings.look)
        plain = settings.changed(look=None)
        found = predict_positions(
            network, annotated.movie, plain, threshold=0.05, show_progress=False
        )
        near = {"max_distance_um": choose_radius_um([annotated.movie])}
        truth = annotated.annotations
        f1 = score_positions(truth, found, threshold=settings.threshold, **near).f1
        best = score_over_thresholds(truth, found, **near).best_score().f1
        rows.append((unlike, f1, best))
        said = ", ".join(unlike.values()) or "nothing"
        print(f"{annotated.name}: F1 {f1:.3f}, best {best:.3f}; unlike: {said}", flush=True)
    groups = {"said unlike": [row for row in rows if row[0]]}
    groups["nothing said"] = [row for row in rows if not row[0]]
    for measure in sorted({name for unlike, *_ in rows for name in unlike}):
        groups[f"unlike in {measure}"] = [row for row in rows if measure in row[0]]
    for name, members in groups.items():
        if members:
            f1, best = np.mean([row[1:] for row in members], axis=0)
            print(f"{name}: {len(members)} movies, mean F1 {f1:.3f}, best {best:.3f}")


if __name__ == "__main__":
    main()
