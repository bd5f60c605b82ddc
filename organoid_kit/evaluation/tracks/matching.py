"""Which found position is which true one, and where truth says nothing."""

from __future__ import annotations

import dataclasses

import numpy as np

from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.positions import choose_common_spacing, match_positions


def match_to_truth(
    truth: Annotations, found: Annotations, max_distance_um: float = 5.0
) -> np.ndarray:
    """The true position of each found one, paired at each time point as `score_positions` pairs
    them.

    Args:
        truth: annotated positions of known spacing.
        found: positions in the same voxels.
        max_distance_um: partners are at most this far apart.

    Returns:
        (n,) int, for each found position a row of `truth`, or -1.

    Raises:
        UserError: the spacing is unknown or differs.
    """
    spacing_um = choose_common_spacing(truth, found)
    partners = np.full(len(found), -1)
    for time_point in np.intersect1d(truth.time_points, found.time_points):
        true_rows, found_rows = truth.rows_at(time_point), found.rows_at(time_point)
        true_um, found_um = (
            truth.positions[true_rows] * spacing_um,
            found.positions[found_rows] * spacing_um,
        )
        pairs = match_positions(true_um, found_um, max_distance_um)
        partners[found_rows[pairs[:, 1]]] = true_rows[pairs[:, 0]]
    return partners


def is_annotated(truth: Annotations, found: Annotations) -> np.ndarray:
    """Which found positions lie where truth names every nucleus (`annotated_region`), (n,) bool."""
    inside = np.zeros(len(found), dtype=bool)
    for time_point in truth.annotated_time_points:
        rows = found.rows_at(time_point)
        low, high = truth.annotated_region(time_point)
        inside[rows] = ((found.positions[rows] >= low) & (found.positions[rows] <= high)).all(
            axis=1
        )
    return inside


def fill_gaps(annotations: Annotations) -> Annotations:
    """The same lineages with no link that skips a time point: what was skipped is put in, on the
    straight line.

    Args:
        annotations: positions and links.

    Returns:
        the given positions first, without properties, then those put in.
    """
    times = annotations.time_points
    spans = times[annotations.links[:, 1]] - times[annotations.links[:, 0]]
    positions, time_points, links = (
        [annotations.positions],
        [times],
        [annotations.links[spans <= 1]],
    )
    rows = len(annotations)
    for (source, target), span in zip(annotations.links[spans > 1], spans[spans > 1]):
        way = np.arange(1, span)[:, None] / span
        positions.append(
            (1 - way) * annotations.positions[source] + way * annotations.positions[target]
        )
        time_points.append(np.arange(times[source] + 1, times[target]))
        chain = np.array([source, *range(rows, rows + span - 1), target])
        links.append(np.stack([chain[:-1], chain[1:]], axis=1))
        rows += span - 1
    return dataclasses.replace(
        annotations,
        positions=np.concatenate(positions),
        time_points=np.concatenate(time_points),
        links=np.concatenate(links),
        properties={},
        link_properties={},
    )
