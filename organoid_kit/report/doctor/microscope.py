"""How a movie differs from those that a network has learned from."""

from collections.abc import Sequence

import numpy as np

from organoid_kit.base import NetworkSettings
from organoid_kit.data import TimeLapse
from organoid_kit.report.doctor.finding import Finding, make_finding
from organoid_kit.report.doctor.measuring import measure_look

_WIDER = 1.3  # augmentation zooms by up to a quarter; wider nuclei are new to a network
_NOISIER = 3.0


def diagnose_microscope(
    movie: TimeLapse, training: Sequence[TimeLapse], settings: NetworkSettings
) -> list[Finding]:
    """How a movie differs from those that a network learned from. Annotations are not needed.

    Grey values are not compared: they are normalised before a network sees them.

    Args:
        movie: the new one.
        training: movies that the network learned from, or others of their kind.
        settings: of the network.
    """
    findings = []
    width, noise = measure_look(movie, settings)
    known = np.array([measure_look(other, settings) for other in training]).reshape(-1, 2)
    widths = known[~np.isnan(known[:, 0]), 0]
    if np.isfinite(width) and len(widths):
        least, most = widths.min(), widths.max()
        if not least / _WIDER <= width <= most * _WIDER:
            factor = float(np.median(widths)) / width
            spacing = tuple(round(factor * float(length), 3) for length in movie.spacing_um)
            values = {"width": width, "least": least, "most": most, "spacing": spacing}
            findings.append(make_finding("nuclei of another size", movie.name, **values))
    most = known[:, 1].max(initial=0) if len(known) else np.inf
    if noise > _NOISIER * most:
        symptom = "more noise than in training"
        findings.append(make_finding(symptom, movie.name, noise=noise, most=most))
    return findings
