"""Is something wrong with movies and annotations, before a network learns from them?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations

import numpy as np

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.evaluation.blobs import DIAMETER_UM
from organoid_kit.evaluation.checks import CheckLimits, Problem, check_annotations
from organoid_kit.evaluation.checks.whole import name_columns
from organoid_kit.examples.splits import Split, find_leaks
from organoid_kit.report.channel_contrast import choose_time_points
from organoid_kit.report.doctor.finding import Finding
from organoid_kit.report.doctor.measuring import measure_light, measure_width_um

NUCLEUS_UM = (4.5, 12.0)  # nuclei of mammalian cells are rarely narrower or wider
_MOST_TIME_POINTS = 3
_STRETCH = (0.65, 1.7)  # how much longer along z than in the plane; microscopes stretch a little
_OTHER_WIDTH = 1.4  # nuclei this much wider or narrower than usual are sought at their own size
_LEAST_POSITIONS = 5  # fewer say nothing about all of them
_BRIGHTER = 1.5  # so many times more light at another reading of the positions is no accident
_LIT = 0.05  # a nucleus is at least so much brighter than its surroundings
_FEW = 3  # single ones are left to `check_annotations`
_MISSING_PART, _WRONG_PART = 0.05, 0.015  # healthy movies stay below, see tests/test_doctor.py
_WRONG_RULES = ("off_centre", "duplicate_position", "out_of_bounds", "not_a_number")
_IMAGE_RULES = {
    "image_not_a_number": (
        "NaN in the image",
        "Voxels without a value, as after cutting, dividing by zero or registering.",
        "Fill them with the background: np.nan_to_num(stack, nan=background). One NaN makes a whole loss NaN.",
    ),
    "empty_image": (
        "image without signal",
        "An empty channel, or a time point that was not recorded.",
        "",
    ),
    "constant_image": (
        "image without signal",
        "An empty channel, or a time point that was not recorded.",
        "",
    ),
    "unreadable_image": ("image unreadable", "A damaged or half-copied file.", ""),
    "wrong_shape": ("image of another shape", "Files of several recordings in one folder.", ""),
    "wrong_channel": (
        "channel missing",
        "Channels are counted from 1, and not every movie has the same.",
        "",
    ),
}


def diagnose_data(
    training: Sequence[AnnotatedMovie],
    settings: NetworkSettings,
    *,
    validation: Sequence[AnnotatedMovie] = (),
    nucleus_um: tuple[float, float] = NUCLEUS_UM,
) -> list[Finding]:
    """What looks wrong in the data of a training. Looks at up to three time points of each movie.

    Args:
        training: movies to learn from.
        settings: of the training: channels and time window.
        validation: movies to judge by.
        nucleus_um: narrowest and widest nuclei there may be in this sample.
    """
    findings = [
        one
        for each in (*training, *validation)
        for one in _diagnose_movie(each, settings, nucleus_um)
    ]
    return findings + list(_find_leaks(training, validation, settings))


def _diagnose_movie(
    annotated: AnnotatedMovie, settings: NetworkSettings, nucleus_um: tuple[float, float]
) -> list[Finding]:
    """Coarse mistakes first: while images or axes are wrong, nothing finer can be said."""
    movie, annotations, channels = annotated.movie, annotated.annotations, settings.channels
    times = choose_time_points(movie, annotations, _MOST_TIME_POINTS)
    options = {"channels": channels, "time_points": times}
    problems = check_annotations(annotations, movie, **options)
    if findings := list(_find_bad_images(problems, annotated.name)):
        return findings
    if findings := list(_find_other_reading(annotated, times, channels)):
        return findings
    widths_um = _measure_widths_um(annotated, times, channels)
    if findings := list(_diagnose_spacing(annotated, widths_um, nucleus_um)):
        return findings
    if widths_um is not None and not _is_same_width(widths_um[1], DIAMETER_UM):
        problems = check_annotations(
            annotations, movie, limits=CheckLimits(diameter_um=widths_um[1]), **options
        )
    looked_at = sum(len(annotations.rows_at(time)) for time in times)
    return [
        *_find_missing(problems, looked_at, annotated.name),
        *_find_wrong(problems, annotations, times, annotated.name),
    ]


def _is_same_width(one_um: float, other_um: float) -> bool:
    """Whether two widths differ by no more than nuclei of one sample do."""
    return 1 / _OTHER_WIDTH < one_um / other_um < _OTHER_WIDTH


def _find_bad_images(problems: Sequence[Problem], where: str) -> Iterator[Finding]:
    """One finding for each kind of bad image."""
    for rule, (symptom, cause, advice) in _IMAGE_RULES.items():
        found = [problem for problem in problems if problem.rule == rule]
        if found:
            measured = f"{len(found)} of the images looked at. The first: {found[0].message}"
            yield Finding(
                symptom,
                where,
                measured,
                cause,
                advice or "Do what the message says, or leave them out.",
            )


def _find_other_reading(
    annotated: AnnotatedMovie, times: Sequence[int], channels: Sequence[int]
) -> Iterator[Finding]:
    """Positions that would lie on nuclei in another order of axes, or if they were micrometres."""
    light = measure_readings(annotated.movie, annotated.annotations, times, channels)
    if not light or len(light["z, y, x"]) < _LEAST_POSITIONS:
        return
    best = max(light, key=lambda reading: np.median(light[reading]))
    here, there = np.median(light["z, y, x"]), np.median(light[best])
    if not (there > _LIT and there > _BRIGHTER * max(here, 0)):
        return
    lit = {reading: np.mean(values > _LIT) for reading, values in light.items()}
    measured = (
        f"Read as z, y, x, as now, {lit['z, y, x']:.0%} of the positions lie on something bright. "
    )
    measured += f"Read as {best}, {lit[best]:.0%} do."
    if "µm" in best:
        cause = "Positions were saved in µm, and read as if they were voxels."
        advice = f"Divide them by the spacing, {annotated.movie.spacing_um} (z, y, x), where they are read."
        yield Finding("wrong unit", annotated.name, measured, cause, advice)
        return
    cause = "The program that wrote them counts its axes in another order."
    advice = f"Say where they are read that the columns are {best}: positions[:, {_choose_order(best)}] puts them right."
    yield Finding("axes swapped", annotated.name, measured, cause, advice)


def measure_readings(
    movie: TimeLapse, annotations: Annotations, times: Sequence[int], channels: Sequence[int]
) -> dict[str, np.ndarray]:
    """Light at the positions, see `measure_light`, for each way in which their three columns can be
    read.

    Returns:
        "z, y, x" is how they are read now; "x, y, z", …: in another order; "… in µm": not in
        voxels. Empty without positions.
    """
    light: dict[str, list[np.ndarray]] = {}
    for time in times:
        positions = annotations.positions_at(time)
        stacked = {
            name: reading
            for name, reading in _list_readings(positions, movie).items()
            if len(positions)
        }
        if stacked:
            values = measure_light(movie, time, channels, np.concatenate(list(stacked.values())))
            for name, part in zip(stacked, np.split(values, len(stacked)), strict=True):
                light.setdefault(name, []).append(part)
    return {name: np.concatenate(parts) for name, parts in light.items()}


def _list_readings(positions: np.ndarray, movie: TimeLapse) -> dict[str, np.ndarray]:
    """Positions as z, y, x in voxels, for each way of reading them."""
    spacing = np.array(movie.spacing_um)
    readings = {}
    for order in permutations(range(3)):
        readings[name_columns(order)] = positions[:, order]
    if not np.allclose(spacing, 1):
        readings |= {f"{name} in µm": read / spacing for name, read in list(readings.items())}
    return readings


def _choose_order(reading: str) -> list[int]:
    """Which columns are z, y and x where the columns are those of the reading."""
    return [reading.split(", ").index(axis) for axis in "zyx"]


def _measure_widths_um(
    annotated: AnnotatedMovie, times: Sequence[int], channels: Sequence[int]
) -> tuple[float, float] | None:
    """How long an ordinary nucleus is along z and how wide in the plane; None where too few are
    annotated.
    """
    movie = annotated.movie
    widths = [
        measure_width_um(np.asarray(movie.stack(time, channels)), positions, movie.spacing_um)
        for time in times
        if len(positions := annotated.annotations.positions_at(time)) >= _LEAST_POSITIONS
    ]
    if not widths:
        return None
    depth, *plane = np.median(widths, axis=0)
    return float(depth), float(np.mean(plane))


def _diagnose_spacing(
    annotated: AnnotatedMovie,
    widths_um: tuple[float, float] | None,
    nucleus_um: tuple[float, float],
) -> Iterator[Finding]:
    """Two spacings, or nuclei that are too wide, too narrow, or too long for the one that is
    stated.
    """
    stated = tuple(float(each) for each in annotated.movie.spacing_um)
    other = annotated.annotations.spacing_um
    if other is not None and not np.allclose(other, stated, rtol=1e-3):
        yield Finding(
            "wrong spacing",
            annotated.name,
            f"The movie states {stated} µm (z, y, x), the annotations {tuple(other)} µm.",
            "One of the two programs was not told how large a voxel is.",
            "Look it up in the microscope's own file, and correct the wrong one.",
        )
    depth, plane = widths_um or (np.nan, np.nan)
    unusual = plane < nucleus_um[0] or plane > nucleus_um[1]
    if unusual or depth > _STRETCH[1] * plane or depth < _STRETCH[0] * plane:
        measured = (
            f"With a spacing of {stated} µm (z, y, x), an ordinary nucleus is {plane:.1f} µm wide "
        )
        measured += f"in the plane and {depth:.1f} µm along z. "
        measured += (
            f"Expected: {nucleus_um[0]:g} to {nucleus_um[1]:g} µm, and about as long as wide."
        )
        cause = "The spacing was lost or guessed when the movie was exported, or is that of another objective."
        advice = "Look up the size of a voxel in the microscope's own file, and pass it as spacing_um=(z, y, x)."
        yield Finding("wrong spacing", annotated.name, measured, cause, advice)


def _find_missing(problems: Sequence[Problem], looked_at: int, where: str) -> Iterator[Finding]:
    missing = [problem for problem in problems if problem.rule == "nucleus_missing"]
    if len(missing) >= _FEW and len(missing) > _MISSING_PART * looked_at:
        yield Finding(
            "annotations missing",
            where,
            f"{len(missing)} bright blobs without a position, beside {looked_at} positions at the same time points.",
            "Nuclei inside the annotated cuboid were not annotated. The network learns that they are none.",
            "Look at them (`plot_problems`, `AnnotationChecker`): annotate them, or make the cuboid smaller.",
        )


def _find_wrong(
    problems: Sequence[Problem], annotations: Annotations, times: Sequence[int], where: str
) -> Iterator[Finding]:
    """More positions beside nuclei, twice on one, or outside than chance explains."""
    rows = [
        row for problem in problems if problem.rule in _WRONG_RULES for row in problem.rows[-1:]
    ]
    wrong = [row for row in sorted(set(rows)) if annotations.time_points[row] in times]
    looked_at = np.isin(annotations.time_points, times).sum()
    if len(wrong) >= _FEW and len(wrong) > _WRONG_PART * looked_at:
        yield Finding(
            "annotations wrong",
            where,
            f"{len(wrong)} of {looked_at} positions ({len(wrong) / looked_at:.0%}) lie beside a nucleus, twice on "
            "one, or outside. Mistakes in a crowd are not among them.",
            "Slips of the hand, or an automatic detection that nobody has corrected.",
            "Go through the list of `check_annotations`, or mend them in the `AnnotationChecker`.",
        )


def _find_leaks(
    training: Sequence[AnnotatedMovie],
    validation: Sequence[AnnotatedMovie],
    settings: NetworkSettings,
) -> Iterator[Finding]:
    """Images that training and validation both see."""
    for leak in find_leaks(Split(list(training), list(validation)), settings.time_window):
        yield Finding(
            "leak between training and validation",
            "",
            leak,
            "The time points of one movie were dealt out at random, or the blocks of time have no gap.",
            "Use `split_by_movie`; with a single movie `split_by_time_block`. Then measure anew.",
        )
