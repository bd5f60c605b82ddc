"""All rules, one after the other."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.evaluation.checks.images import check_time_point
from organoid_kit.evaluation.checks.problem import CheckLimits, Problem, compute_steps
from organoid_kit.evaluation.checks.tracks import RULES, check_direction, check_track_ends
from organoid_kit.evaluation.checks.whole import check_basics, check_channels, check_place


def check_annotations(
    annotations: Annotations,
    movie: TimeLapse | None = None,
    *,
    channels: Sequence[int] = (1,),
    time_points: Sequence[int] | None = None,
    limits: CheckLimits | None = None,
) -> list[Problem]:
    """Everything that looks wrong, whole-movie problems first. Never raises on data.

    Args:
        annotations: what is checked.
        movie: the movie they belong to; without it, images are not looked at.
        channels: which show the nuclei, counted from 1; several are summed.
        time_points: whose images to look at; None: all annotated ones.
        limits: distances and parts that decide.
    """
    limits = limits or CheckLimits()
    problems = list(check_basics(annotations, movie))
    if movie is not None:
        problems += check_place(annotations, movie)
    problems += check_direction(annotations)
    facing_forward = _turn_links(annotations, movie)
    for rule in RULES:
        problems += rule(facing_forward, limits)
    problems += check_track_ends(facing_forward, movie, limits)
    if movie is not None:
        wrong_channels = list(check_channels(movie, channels))
        comparable = not {"axes_swapped", "units_mixed_up", "spacing_differs"} & {
            problem.rule for problem in problems
        }
        problems += wrong_channels
        times = annotations.annotated_time_points if time_points is None else time_points
        for time_point in [] if wrong_channels else np.asarray(times, dtype=int).tolist():
            if time_point in movie.time_points:
                problems += check_time_point(
                    facing_forward, movie, time_point, channels, limits, comparable
                )
    return _report_positions_once(problems)


def _turn_links(annotations: Annotations, movie: TimeLapse | None) -> Annotations:
    """Links turned forward, those within a time point left out, so that other rules are fair."""
    steps = compute_steps(annotations)
    positions = np.where(np.isfinite(annotations.positions), annotations.positions, np.nan)
    links = np.where(steps[:, None] < 0, annotations.links[:, ::-1], annotations.links)[steps != 0]
    spacing_um = annotations.spacing_um or (movie.spacing_um if movie else None)
    return dataclasses.replace(
        annotations, positions=positions, links=links, link_properties={}, spacing_um=spacing_um
    )


def _report_positions_once(problems: list[Problem]) -> list[Problem]:
    """Leaves out problems of positions that all have one already: mostly its consequence."""
    reported: set[int] = set()
    kept = []
    for problem in problems:
        if not problem.rows or not reported.issuperset(problem.rows):
            kept.append(problem)
        reported.update(problem.rows)
    return kept
