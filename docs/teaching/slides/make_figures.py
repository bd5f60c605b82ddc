"""Draws the figures of the slides with the functions of the kit, and keeps their words beside them.

make_slides.py calls it.
"""

import json
from pathlib import Path

import numpy as np

from organoid_kit import plots
from organoid_kit.base.settings import make_settings
from organoid_kit.course.figures import plot_convolution, plot_fits, plot_losses
from organoid_kit.data import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.positions import score_over_thresholds
from organoid_kit.examples.division import DivisionExamples
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.positions import predict_positions

CHANNELS, TIME_POINT = (2, 3), 6
SEED = 2
DAYS = ("day", "diameter (0.1 mm)")


def measure_growth() -> tuple[np.ndarray, np.ndarray]:
    """Invented measurements of an organoid that grows: days and diameters."""
    rng = np.random.default_rng(SEED)
    day = np.linspace(0.1, 6.9, 24)
    return day, 0.5 + 2.5 / (1 + np.exp(-1.6 * (day - 3.5))) + rng.normal(0, 0.2, len(day))


def keep_back(day: np.ndarray) -> np.ndarray:
    """Which points are learned from: every other one, first and last included."""
    seen = np.arange(len(day)) % 2 == 0
    seen[-2:] = False, True
    return seen


def learn_line(day: np.ndarray, diameter: np.ndarray, rate: float, steps: int = 30) -> list[float]:
    """The loss at each step of a line that learns."""
    slope, start, losses = 0.0, 0.0, []
    for _ in range(steps):
        error = slope * day + start - diameter
        losses.append(float(np.mean(error**2)))
        slope, start = slope - rate * 2 * np.mean(error * day), start - rate * 2 * np.mean(error)
    return losses


def plot_learning_rates() -> plots.Drawing:
    """One line, learned with steps that are too small, right, and too large."""
    day, diameter = measure_growth()
    rates = {"too small": 0.0005, "right": 0.03, "too large": 0.06}
    return plot_losses(
        {f"{name} ({rate})": learn_line(day, diameter, rate) for name, rate in rates.items()}
    )


def plot_three_fits() -> plots.Drawing:
    """Polynomials that are too simple, about right, and too clever."""
    day, diameter = measure_growth()
    seen, line = keep_back(day), np.linspace(day[0], day[-1], 300)
    fit = {
        f"{degree + 1} numbers": np.polynomial.Polynomial.fit(day[seen], diameter[seen], degree)
        for degree in (1, 3, 9)
    }
    curves = {name: (line, curve(line)) for name, curve in fit.items()}
    return plot_fits(
        (day[seen], diameter[seen]), curves, unseen=(day[~seen], diameter[~seen]), labels=DAYS
    )


def plot_both_losses() -> plots.Drawing:
    """The losses of polynomials with more and more numbers, on points that were seen and on others."""
    day, diameter = measure_growth()
    seen = keep_back(day)
    fits = [np.polynomial.Polynomial.fit(day[seen], diameter[seen], degree) for degree in range(10)]
    losses = {
        name: [float(np.mean((fit(day[part]) - diameter[part]) ** 2)) for fit in fits]
        for name, part in (("training", seen), ("validation", ~seen))
    }
    return plot_losses(losses, step="numbers that may be chosen")


def plot_kernel() -> plots.Drawing:
    """A convolution on a small nucleus, at one place."""
    image = np.zeros((8, 8))
    image[2:5, 3:6] = [[2, 4, 2], [4, 9, 4], [2, 4, 2]]
    image[6, 1] = 3
    kernel = np.array([[0, 1, 0], [1, 2, 1], [0, 1, 0]])
    patches = np.lib.stride_tricks.sliding_window_view(np.pad(image, 1), (3, 3))
    return plot_convolution(image, kernel, (patches * kernel).sum(axis=(2, 3)), place=(3, 4))


def plot_annotated(one: AnnotatedMovie) -> plots.Drawing:
    """A stack with its annotations."""
    stack = one.movie.stack(TIME_POINT, CHANNELS)
    return plots.plot_stack(
        stack, one.movie.spacing_um, positions=one.annotations.positions_at(TIME_POINT)
    )


def plot_mothers(training: list[AnnotatedMovie]) -> plots.Drawing:
    """Two divisions, as the division network sees them."""
    examples = DivisionExamples(
        training, make_settings("division", channels=CHANNELS), augment=False
    )
    mothers = np.flatnonzero(examples.targets)[4::6][:2]
    return plots.plot_crops(
        [examples.example(place, (0,)) for place in mothers],
        examples.settings,
        names=["one", "another"],
    )


def draw_predictions(one: AnnotatedMovie) -> dict[str, plots.Drawing]:
    """What the shipped network finds at one time point, and what its threshold does."""
    network, settings = load_network("position_small")
    settings = settings.changed(channels=CHANNELS)
    movie, times = one.movie, [TIME_POINT]
    truth = one.annotations.select(one.annotations.time_points == TIME_POINT)
    found = predict_positions(network, movie, settings, time_points=times)
    candidates = predict_positions(network, movie, settings, time_points=times, threshold=0.02)
    stack = movie.stack(TIME_POINT, CHANNELS)
    return {
        "prediction": plots.plot_prediction(
            stack, None, truth.positions, found.positions, movie.spacing_um
        ),
        "threshold": plots.curves.plot_threshold_curve(score_over_thresholds(truth, candidates)),
    }


def lose_some(annotations: Annotations) -> Annotations:
    """The same annotations, of which one position in thirty was never found."""
    return annotations.select(np.arange(len(annotations)) % 30 != 7)


def draw_all() -> dict[str, plots.Drawing]:
    """Each figure by the name of its file."""
    samples = find_samples()
    training = read_dataset(samples / "training.autlist")
    [validation] = read_dataset(samples / "validation.autlist")
    [test] = read_dataset(samples / "test.autlist")
    return {
        "channels": plots.images.plot_channels(test.movie, TIME_POINT, [(1,), (2,), (3,), (2, 3)]),
        "annotations": plot_annotated(training[0]),
        "divisions": plot_mothers(training),
        "learning_rates": plot_learning_rates(),
        "convolution": plot_kernel(),
        "fits": plot_three_fits(),
        "losses": plot_both_losses(),
        "lineages": plots.plot_lineage_tree(lose_some(training[0].annotations), most=8),
        **draw_predictions(validation),
    }


def write_figures(folder: Path) -> None:
    """Writes the pictures, and `figures.json` with their words."""
    figures = draw_all()
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        figure.savefig(folder / "figures" / f"{name}.png", dpi=130)
    words = {
        f"figures/{name}.png": " ".join(figure.description.split())
        for name, figure in figures.items()
    }
    (folder / "figures.json").write_text(
        json.dumps(words, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
