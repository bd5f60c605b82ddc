"""Which answers are right and which are wrong, one by one."""

from __future__ import annotations

import dataclasses

import numpy as np

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.annotations import Annotations
from organoid_kit.evaluation.matching import match_to_truth
from organoid_kit.evaluation.tracks import DivisionScore, score_divisions
from organoid_kit.examples.link import make_link_targets


def judge_divisions(
    truth: Annotations, found: Annotations, threshold: float, settings: NetworkSettings
) -> DivisionScore:
    """Calls of a division network, with the tolerance that its division window taught it."""
    first, last = settings.division_window
    return score_divisions(truth, found, tolerance=max(-first, last), threshold=threshold)


def judge_links(truth: Annotations, found: Annotations) -> np.ndarray:
    """Whether each found link is true: 1 yes, 0 no, -1 nobody knows; (m,) int."""
    ends = match_to_truth(truth, found)[found.links]
    labels = np.full(len(ends), -1)
    paired = (ends >= 0).all(axis=1)
    labels[paired] = make_link_targets(truth, ends[paired])
    return labels


def choose_most_probable(candidates: Annotations) -> Annotations:
    """Of all candidate links that lead to a nucleus, the most probable one."""
    chosen = find_most_probable(candidates)
    properties = {name: values[chosen] for name, values in candidates.link_properties.items()}
    return dataclasses.replace(
        candidates, links=candidates.links[chosen], link_properties=properties
    )


def find_most_probable(candidates: Annotations) -> np.ndarray:
    """Rows of the links that `choose_most_probable` keeps, (k,) int."""
    targets = candidates.links[:, 1]
    order = np.lexsort((candidates.link_properties["link_probability"].astype(float), targets))
    return np.sort(order[np.flatnonzero(np.diff(targets[order], append=-1))])
