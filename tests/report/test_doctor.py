"""The doctor: each failure, made on purpose in a small movie, is named; where all is well it says
nothing.
"""

import dataclasses
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from organoid_kit.base.settings import make_settings, write_settings
from organoid_kit.course.synthetic import SyntheticSettings, make_synthetic_movie
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie, read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.evaluation.checks.widths import measure_width_um
from organoid_kit.examples.looks import measure_noise
from organoid_kit.examples.splits import split_by_time_block, split_random_time_points
from organoid_kit.report.doctor import (
    Finding,
    diagnose_data,
    diagnose_microscope,
    diagnose_predictions,
    diagnose_run,
    find_twins,
    format_findings,
)
from organoid_kit.report.measuring import measure_light
from organoid_kit.training.runs import NOT_FINITE, Run

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
random_synthetic_settings = importlib.import_module("_random_movies").random_synthetic_settings

SETTINGS = make_settings(channels=(2, 3), threshold=0.4)


def make_movie(seed: int, **changes) -> AnnotatedMovie:
    """A small movie of one of many microscopes."""
    rng = np.random.default_rng(seed)
    drawn = random_synthetic_settings(rng, shape_zyx=(20, 112, 112), time_points=2, **changes)
    return AnnotatedMovie(*make_synthetic_movie(drawn, seed))


@pytest.fixture(scope="module")
def healthy() -> AnnotatedMovie:
    [movie] = read_dataset(find_samples() / "test.autlist")
    return movie


def change_positions(annotated, change) -> AnnotatedMovie:
    annotations = annotated.annotations
    changed = dataclasses.replace(annotations, positions=change(annotations.positions), region=None)
    return dataclasses.replace(annotated, annotations=changed)


def change_images(annotated, change) -> AnnotatedMovie:
    read = annotated.movie.read_stack
    movie = dataclasses.replace(
        annotated.movie, read_stack=lambda t, c: change(read(t, c).astype(np.float32))
    )
    return dataclasses.replace(annotated, movie=movie)


def state_spacing(annotated, spacing_um) -> AnnotatedMovie:
    return AnnotatedMovie(
        dataclasses.replace(annotated.movie, spacing_um=spacing_um),
        dataclasses.replace(annotated.annotations, spacing_um=spacing_um),
    )


def find_symptoms(findings) -> list[str]:
    assert all(each.measured and each.cause and each.advice for each in findings)
    return [each.symptom for each in findings]


def diagnose(*movies) -> list[str]:
    return find_symptoms(diagnose_data(movies, SETTINGS))


# ---- no false alarm


@pytest.mark.parametrize("part", ["training", "validation", "test"])
def test_bundled_movies_are_healthy(part):
    assert diagnose(*read_dataset(find_samples() / f"{part}.autlist")) == []


@pytest.mark.parametrize("seed", [5, 8, 9])
def test_movies_of_other_microscopes_are_healthy(seed):
    assert diagnose(make_movie(seed)) == []


def test_a_movie_like_those_of_the_training_is_no_other_microscope(healthy):
    training = [each.movie for each in read_dataset(find_samples() / "training.autlist")]
    assert diagnose_microscope(healthy.movie, training, SETTINGS) == []


def test_a_split_by_time_block_is_healthy(healthy):
    split = split_by_time_block([healthy], 0.25)
    assert diagnose_data(split.training, SETTINGS, validation=split.validation) == []


# ---- data


@pytest.mark.parametrize(
    "order, named", [((2, 1, 0), "x, y, z"), ((0, 2, 1), "z, x, y"), ((1, 2, 0), "y, x, z")]
)
def test_swapped_axes(healthy, order, named):
    sick = change_positions(healthy, lambda positions: positions[:, order])
    [finding] = diagnose_data([sick], SETTINGS)
    assert finding.symptom == "axes swapped" and finding.where == "organoid_d"
    columns = [
        int(each) for each in finding.advice.split("positions[:, [")[1].split("]")[0].split(",")
    ]
    assert diagnose(change_positions(sick, lambda positions: positions[:, columns])) == []


def test_micrometres_taken_for_voxels(healthy):
    assert diagnose(change_positions(healthy, lambda each: each * (2, 0.5, 0.5))) == ["wrong unit"]


@pytest.mark.parametrize(
    "factors", [(2, 2, 2), (0.5, 0.5, 0.5), (0.5, 1, 1), (2, 1, 1), (0.5, 2, 2)]
)
def test_wrong_spacing(healthy, factors):
    stated = tuple(float(each) for each in np.array(healthy.movie.spacing_um) * factors)
    assert diagnose(state_spacing(healthy, stated)) == ["wrong spacing"]


def test_two_spacings(healthy):
    other = dataclasses.replace(healthy.annotations, spacing_um=(2.0, 0.3, 0.3))
    [finding] = diagnose_data([dataclasses.replace(healthy, annotations=other)], SETTINGS)
    assert finding.symptom == "wrong spacing" and "0.3" in finding.measured


def test_nuclei_may_be_said_to_be_wider(healthy):
    wide = state_spacing(healthy, (4.0, 1.0, 1.0))
    movie = dataclasses.replace(wide.movie, nucleus_diameter_um=15.0)
    assert diagnose_data([dataclasses.replace(wide, movie=movie)], SETTINGS) == []


def test_missing_annotations(healthy):
    kept = np.random.default_rng(1).random(len(healthy.annotations)) > 0.3
    sick = dataclasses.replace(healthy, annotations=healthy.annotations.select(kept))
    assert diagnose(sick) == ["annotations missing"]


def test_a_tenth_of_the_annotations_wrong(healthy):
    def move(positions):
        rng = np.random.default_rng(1)
        away = rng.normal(size=positions.shape) * (rng.random(len(positions)) < 0.1)[:, None]
        return positions + away / np.maximum(
            np.linalg.norm(away, axis=1, keepdims=True), 1e-9
        ) * 6 / (2, 0.5, 0.5)

    assert "annotations wrong" in diagnose(change_positions(healthy, move))


@pytest.mark.parametrize(
    "change, symptom",
    [
        (
            lambda image: np.where(image > np.quantile(image, 0.999), np.nan, image),
            "NaN in the image",
        ),
        (
            lambda image: np.where(image > np.quantile(image, 0.999), np.inf, image),
            "NaN in the image",
        ),
        (lambda image: image * 0 + 7, "image without signal"),
        (lambda image: image * 0, "image without signal"),
    ],
)
def test_bad_images(healthy, change, symptom):
    assert diagnose(change_images(healthy, change)) == [symptom]


def test_a_channel_that_is_not_there(healthy):
    assert find_symptoms(diagnose_data([healthy], make_settings(channels=(7,)))) == [
        "channel missing"
    ]


def test_a_random_split_leaks(healthy):
    split = split_random_time_points([healthy])
    findings = diagnose_data(split.training, SETTINGS, validation=split.validation)
    assert find_symptoms(findings) == ["leak between training and validation"]


def test_nothing_raises_on_a_movie_without_positions(healthy):
    assert diagnose(dataclasses.replace(healthy, annotations=healthy.annotations.select([]))) == []


# ---- a new movie


def test_nuclei_of_another_size(healthy):
    large = SyntheticSettings(
        nucleus_diameter_um=16, nuclei=12, shape_zyx=(30, 160, 160), time_points=1
    )
    movie, _ = make_synthetic_movie(large, 3)
    [finding] = diagnose_microscope(movie, [healthy.movie], SETTINGS)
    assert finding.symptom == "nuclei of another size" and "spacing_um=" in finding.advice


def test_more_noise(healthy):
    dark = SyntheticSettings(
        photons=4, read_noise=5, shape_zyx=(20, 112, 112), nuclei=30, time_points=1
    )
    movie, _ = make_synthetic_movie(dark, 3)
    assert find_symptoms(diagnose_microscope(movie, [healthy.movie], SETTINGS)) == [
        "more noise than in training"
    ]


# ---- predictions


def find(truth: Annotations, probability: float = 0.9, **changes) -> Annotations:
    """What a network would find that knows the truth."""
    return dataclasses.replace(
        truth, properties={"probability": np.full(len(truth), probability)}, **changes
    )


def test_right_predictions_are_healthy(healthy):
    truth = healthy.annotations
    assert diagnose_predictions(find(truth), healthy.movie, SETTINGS, truth) == []
    assert diagnose_predictions(find(truth), healthy.movie, SETTINGS) == []


@pytest.mark.parametrize("known", [True, False])
def test_a_threshold_that_is_too_high(healthy, known):
    truth = healthy.annotations
    [finding] = diagnose_predictions(
        find(truth, 0.2), healthy.movie, SETTINGS, truth if known else None
    )
    assert finding.symptom == "predicts nothing" and finding.cause == "The threshold is too high."


def test_a_network_that_sees_nothing(healthy):
    nothing = find(healthy.annotations.select([]))
    [finding] = diagnose_predictions(nothing, healthy.movie, SETTINGS, healthy.annotations)
    assert finding.symptom == "predicts nothing" and "channel" in finding.cause
    assert find_symptoms(diagnose_predictions(nothing, healthy.movie, SETTINGS)) == [
        "predicts nothing"
    ]


def test_too_few(healthy):
    few = find(healthy.annotations.select(np.arange(len(healthy.annotations)) % 3 == 0))
    findings = diagnose_predictions(few, healthy.movie, SETTINGS, healthy.annotations)
    assert find_symptoms(findings) == ["too few detections"]


def test_two_lists_put_together(healthy):
    truth = healthy.annotations.select(healthy.annotations.time_points < 3)
    positions = np.concatenate([truth.positions, truth.positions + (0, 1, 1)])
    found = Annotations(
        positions,
        np.tile(truth.time_points, 2),
        properties={"probability": np.full(len(positions), 0.9)},
        spacing_um=truth.spacing_um,
    )
    [finding] = diagnose_predictions(found, healthy.movie, SETTINGS, truth)
    assert (
        finding.symptom == "too many detections"
        and "Several positions on one nucleus" in finding.cause
    )
    assert (
        len(find_twins(found, truth.spacing_um)) == len(found)
        and len(find_twins(truth, truth.spacing_um)) == 0
    )


def test_a_threshold_that_is_too_low(healthy):
    truth = healthy.annotations.select(healthy.annotations.time_points < 3)
    high = np.array(healthy.movie.shape_zyx) - 1
    false = np.stack(
        np.meshgrid(*(np.linspace(0, size, 6) for size in high), indexing="ij"), -1
    ).reshape(-1, 3)
    found = Annotations(
        np.concatenate([truth.positions, false]),
        np.concatenate([truth.time_points, np.zeros(len(false), int)]),
        properties={"probability": np.repeat([0.9, 0.5], [len(truth), len(false)])},
        spacing_um=truth.spacing_um,
    )
    [finding] = diagnose_predictions(found, healthy.movie, SETTINGS, truth)
    assert finding.symptom == "too many detections" and "threshold is too low" in finding.cause


@pytest.mark.parametrize("order", [(2, 1, 0), (0, 2, 1)])
def test_recall_is_zero_as_the_truth_is_in_another_order(healthy, order):
    turned = change_positions(healthy, lambda positions: positions[:, order]).annotations
    [finding] = diagnose_predictions(find(healthy.annotations), healthy.movie, SETTINGS, turned)
    assert finding.symptom == "recall near zero" and "wrong order" in finding.cause


def test_recall_is_zero_as_something_else_was_found(healthy):
    truth = healthy.annotations.select(healthy.annotations.time_points == 4)
    elsewhere = find(
        truth, positions=np.random.default_rng(1).uniform(0, (19, 20, 20), (len(truth), 3))
    )
    [finding] = diagnose_predictions(elsewhere, healthy.movie, SETTINGS, truth)
    assert finding.symptom == "recall near zero" and "channel" in finding.cause


# ---- runs


def make_run(folder, losses, scores=None, log="") -> Run:
    """A run with this history."""
    lowest = np.minimum.accumulate(losses)
    rows = [
        {
            "epoch": number + 1,
            "loss": loss,
            "validation_loss": loss,
            "best": bool(loss <= lowest[number]),
            "seconds": 1.0,
        }
        for number, loss in enumerate(losses)
    ]
    for row, score in zip(rows, scores or [0.9] * len(rows)):
        row["validation_f1"] = score
    write_settings(SETTINGS, folder / "settings.json")
    (folder / "history.json").write_text(json.dumps(rows))
    (folder / "log.txt").write_text(log)
    return Run(folder)


def test_a_healthy_run(tmp_path):
    assert diagnose_run(make_run(tmp_path, [0.6, 0.4, 0.3, 0.2], [0.0, 0.1, 0.5, 0.8])) == []


def test_a_run_that_has_only_begun(tmp_path):
    assert diagnose_run(make_run(tmp_path, [], [])) == []


@pytest.mark.parametrize(
    "losses, symptom",
    [
        ([0.6, 0.4, 0.3, 2.0, 1.0], "learning rate too high"),
        ([0.69, 0.69, 0.69, 0.69, 0.69], "not learning"),
    ],
)
def test_curves_are_read(tmp_path, losses, symptom):
    assert find_symptoms(diagnose_run(make_run(tmp_path, losses))) == [symptom]


def test_overfitting(tmp_path):
    run = make_run(tmp_path, [0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    rows = run.history
    for row, loss in zip(rows, [0.6, 0.5, 0.6, 0.7, 0.8, 0.9]):
        row |= {"validation_loss": loss, "best": loss <= 0.6 and row["epoch"] <= 2}
    (tmp_path / "history.json").write_text(json.dumps(rows))
    assert find_symptoms(diagnose_run(run)) == ["overfitting"]


def test_loss_falls_but_nothing_is_found(tmp_path):
    run = make_run(tmp_path, [353.0, 0.457, 0.455, 0.45], [0.08, 0.0, 0.0, 0.0])
    assert find_symptoms(diagnose_run(run)) == ["loss falls but nothing is found"]


def test_a_loss_that_is_no_number(tmp_path):
    run = make_run(
        tmp_path, [0.6], log=f"2026-11-23 03:00:00  {NOT_FINITE}: nan in epoch 2, step 3\n"
    )
    [finding] = diagnose_run(run)
    assert finding.symptom == "loss is NaN" and "epoch 2" in finding.measured


# ---- measuring and saying


def test_width_and_light_and_noise():
    z, y, x = np.indices((20, 60, 60))
    stack = 100 + 1000 * np.exp(
        -0.5 * (((z - 10) * 2) ** 2 + ((y - 30) * 0.5) ** 2 + ((x - 30) * 0.5) ** 2) / 9
    )
    middle = np.array([[10.0, 30.0, 30.0]])
    wide = 2 * 3 * np.sqrt(2 * np.log(1 / 0.6))
    assert np.allclose(measure_width_um(stack, middle, (2.0, 0.5, 0.5)), wide, atol=0.6)
    assert np.isnan(measure_width_um(stack[10:11], middle * (0, 1, 1), (2.0, 0.5, 0.5))[0])
    assert np.isnan(measure_width_um(np.zeros((9, 9, 9)), middle * 0 + 4, (1, 1, 1))).all()
    noisy = np.random.default_rng(0).normal(0, 0.1, (10, 60, 60))
    assert measure_noise(noisy) < 0.11 and measure_noise(noisy) > 0.05
    movie = make_movie(8)
    positions = movie.annotations.positions_at(0)
    light = measure_light(movie.movie, 0, (2, 3), np.append(positions, [[-50.0, 0, 0]], axis=0))
    assert np.median(light[:-1]) > 0.05 and light[-1] == 0


def test_findings_are_said():
    one = Finding("axes swapped", "movie", "30 %.", "A program.", "Turn them.")
    said = format_findings([one])
    assert (
        said.startswith("1 finding.\n\nAxes swapped in movie\n  Measured: 30 %.")
        and "What to do: Turn" in said
    )
    assert "No finding" in format_findings([])
