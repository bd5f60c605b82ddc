"""How a movie differs from those that a network has learned from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.report.doctor.finding import Finding
from organoid_kit.report.doctor.measuring import ImageTraits, measure_traits

_WIDER = 1.3  # augmentation zooms by up to a quarter; nuclei farther from those of the training are new to a network
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
    own, known = (
        measure_traits(movie, settings),
        [measure_traits(each, settings) for each in training],
    )
    widths = [each.nucleus_um for each in known if each.nucleus_um is not None]
    return [
        *_find_other_size(own.nucleus_um, widths, movie),
        *_find_more_noise(own.noise, known, movie),
    ]


def _find_other_size(
    width_um: float | None, known_um: Sequence[float], movie: TimeLapse
) -> Iterator[Finding]:
    if width_um is None or not known_um:
        return
    if not min(known_um) / _WIDER <= width_um <= max(known_um) * _WIDER:
        factor = float(np.median(known_um)) / width_um
        spacing = tuple(round(factor * float(each), 3) for each in movie.spacing_um)
        yield Finding(
            "nuclei of another size",
            movie.name,
            f"Nuclei look {width_um:.1f} µm wide; in the movies of the training {min(known_um):.1f} to "
            f"{max(known_um):.1f} µm.",
            "Another species, stage or magnification; or a wrong spacing.",
            f"Is the spacing right? Then show them to the network as large as those it knows: predict with spacing_um="
            f"{spacing}, and measure. Or fine-tune it on a few annotated nuclei.",
        )


def _find_more_noise(
    noise: float, known: Sequence[ImageTraits], movie: TimeLapse
) -> Iterator[Finding]:
    most = max((each.noise for each in known), default=np.inf)
    if noise > _NOISIER * most:
        yield Finding(
            "more noise than in training",
            movie.name,
            f"Neighbouring voxels of the background differ by {noise:.3f} of the step from background to bright "
            f"nuclei; in the movies of the training by {most:.4f} at most.",
            "Less light, a shorter exposure, or another camera.",
            "Smooth the movie a little (a Gaussian of 1 µm), and measure whether it helps. Or fine-tune the network.",
        )
