"""How wide nuclei are, and movies shown to a network as if theirs had the size that it knows. A
blob answers most to a difference of Gaussians of its own width (Lindeberg 1998).
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates

from organoid_kit.base import NetworkSettings, warn
from organoid_kit.data import AnnotatedMovie, TimeLapse
from organoid_kit.data.timelapse import USUAL_DIAMETER_UM
from organoid_kit.evaluation import find_peaks
from organoid_kit.evaluation.blobs import subtract_blurs
from organoid_kit.examples.patches import convert_positions, is_same_spacing, resample

DIAMETERS_UM = 3 * 1.15 ** np.arange(24)  # 3 to 75 µm: as pixels, where their size is not known
_FINEST_UM = 0.7  # stacks are looked at no finer
_MOST_PLANES, _MOST_VOXELS = 80, 2e6  # looked at around the brightest part, 300 at least to a side
_LEAST_RESPONSE = 0.15  # 1: a bright nucleus
_FAINT_RESPONSE = 0.07
_MOST_BLOBS = 400
_SHALLOW_UM = 9.0  # no deeper: nuclei are seen as discs
_FEWEST_NUCLEI = 5  # fewer say nothing for certain
SAME_SIZE = 1.6  # estimates that differ by less are taken for the same
_HALF_SIZE = 2.0  # for smaller ones it takes more: grains in large nuclei look like small nuclei
_QUANTILES = (0.1, 0.998)


@dataclass(frozen=True)
class NucleusSize:
    """The diameter of nuclei in µm: the median, and between what half of them lie; and a mean that
    counts each by its diameter, as parts of large nuclei are found, too.
    """

    diameter_um: float
    low_um: float
    high_um: float
    nuclei: int
    mean_um: float

    def __str__(self) -> str:
        half = f"half of {self.nuclei} between {self.low_um:.0f} and {self.high_um:.0f} µm"
        return f"nuclei about {self.diameter_um:.0f} µm wide ({half})"

    @property
    def is_certain(self) -> bool:
        """Whether there are enough nuclei of one size to rely on it."""
        return self.nuclei >= _FEWEST_NUCLEI and self.high_um < SAME_SIZE * self.low_um


def estimate_nucleus_size(
    movie: TimeLapse,
    channels: tuple[int, ...] = (1,),
    time_point: int | None = None,
    positions: np.ndarray | None = None,
) -> NucleusSize | None:
    """The size of the nuclei in one stack (None: the first); None where there are none.
    `positions`, (n, 3) float, zyx, voxels, are their centres; without them, they are searched for.
    """
    time_point = movie.time_points[0] if time_point is None else time_point
    stack = np.nan_to_num(movie.stack(time_point, channels).astype(np.float32), posinf=0, neginf=0)
    spacing_um = np.array(movie.spacing_um)
    shape = np.maximum(1, np.round(stack.shape * spacing_um / np.maximum(spacing_um, _FINEST_UM)))
    image = resample(stack, tuple(shape.astype(int).tolist()), _QUANTILES)
    # As their square root, so that dim nuclei answer nearly as much as bright ones
    image = np.sign(image) * np.sqrt(np.abs(image))
    spacing_um = spacing_um * stack.shape / shape
    if positions is None or not len(positions):
        light = np.maximum(image, 0)  # only the part around its middle is looked at
        side = max(300, np.sqrt(_MOST_VOXELS / len(image)))
        for axis, most in enumerate((_MOST_PLANES, side, side)):
            along = light.sum(axis=tuple({0, 1, 2} - {axis}))
            middle = np.average(np.arange(len(along)), weights=along + 1e-9)
            low = int(np.clip(middle - most / 2, 0, max(0, len(along) - most)))
            image = image.take(range(low, min(low + int(most), len(along))), axis)
        diameters = _find_blobs(image, spacing_um, _LEAST_RESPONSE)
        if len(diameters) < _FEWEST_NUCLEI:  # small faint blobs may be grain, large ones are not
            faint = _find_blobs(image, spacing_um, _FAINT_RESPONSE)
            if len(faint) and np.median(faint) > SAME_SIZE * USUAL_DIAMETER_UM:
                diameters = faint
    else:
        places = convert_positions(positions, movie.shape_zyx, image.shape).T
        responses = _respond(image, spacing_um)
        heights = np.array([map_coordinates(r, places, order=1, mode="nearest") for r in responses])
        diameters = DIAMETERS_UM[heights.argmax(axis=0)[heights.max(axis=0) > _LEAST_RESPONSE]]
    if not len(diameters):
        return None
    low, middle, high = np.quantile(diameters, (0.25, 0.5, 0.75)).tolist()
    weighted = float(np.average(diameters, weights=diameters))
    return NucleusSize(middle, low, high, len(diameters), weighted)


def fit_to_network(annotated: AnnotatedMovie, settings: NetworkSettings) -> AnnotatedMovie:
    """The movie with its spacing scaled as if its nuclei had the diameter that the network knows.

    The diameter is the movie's, where it is stated; else it is estimated, at the annotated
    positions or from the image alone, and what is far from the network's is warned of.
    """
    if (known := settings.nucleus_diameter_um) is None:
        return annotated
    movie = state_size(annotated, settings)
    scale = known / movie.nucleus_diameter_um
    if is_same_spacing(scale, 1.0):
        return annotated
    spacing = tuple(scale * length for length in movie.spacing_um)
    movie = dataclasses.replace(movie, spacing_um=spacing, nucleus_diameter_um=known)
    known_um = annotated.annotations.known_um
    changes = {"spacing_um": spacing, "known_um": known_um and scale * known_um}
    annotations = dataclasses.replace(annotated.annotations, **changes)
    return dataclasses.replace(annotated, movie=movie, annotations=annotations)


def state_size(annotated: AnnotatedMovie, settings: NetworkSettings) -> TimeLapse:
    """The movie with a diameter stated, so that several networks scale it alike and warn once: its
    own, the one estimated, or else the network's. Unchanged for a network that knows none.
    """
    movie, known = annotated.movie, settings.nucleus_diameter_um
    if known is None or movie.nucleus_diameter_um is not None:
        return movie
    return dataclasses.replace(movie, nucleus_diameter_um=_estimate(annotated, settings) or known)


def _estimate(annotated: AnnotatedMovie, settings: NetworkSettings) -> float | None:
    """The diameter in µm where it is certain, and not about that of the network."""
    movie, annotations = annotated.movie, annotated.annotations
    inside = np.isin(annotations.time_points, movie.time_points)
    first = int(annotations.time_points[inside].min()) if inside.any() else None
    positions = None if first is None else annotations.positions_at(first)
    size = estimate_nucleus_size(movie, settings.channels, first, positions)
    known = settings.nucleus_diameter_um
    if size is None or 1 / _HALF_SIZE < size.diameter_um / known < SAME_SIZE:
        return None
    done = "so the movie is scaled to it. If that is wrong, state the diameter"
    if not size.is_certain:
        done = "and the movie is not scaled, as that is not sure. State the diameter if you know it"
    done += f": nucleus_diameter_um={size.diameter_um:.0f}"
    warn(f"{movie.name}: {size}; the network knows {known:g} µm, {done}.")
    return size.diameter_um if size.is_certain else None


def _respond(image: np.ndarray, spacing_um: np.ndarray) -> Iterator[np.ndarray]:
    """Differences of Gaussians that answer most to balls of each diameter, or to discs in shallow
    stacks, all planes of which a nucleus fills.
    """
    extended = np.array(image.shape) * spacing_um > _SHALLOW_UM
    per_um = extended / (2 * np.sqrt(max(1, extended.sum()))) / spacing_um
    return (subtract_blurs(image, diameter_um * per_um) for diameter_um in DIAMETERS_UM)


def _find_blobs(image: np.ndarray, spacing_um: np.ndarray, least: float) -> np.ndarray:
    """Diameters, µm, of the strongest blobs; noise answers most to the smallest, and is none."""
    found, responses = [np.zeros((0, 5))], _respond(image, spacing_um)
    smaller, response = next(responses), next(responses)
    for larger, diameter_um in zip(responses, DIAMETERS_UM[1:]):
        peaks, heights = find_peaks(response, tuple(spacing_um), diameter_um / 2, least)
        voxels = tuple(np.round(peaks).astype(int).T)
        own = response[voxels] >= np.maximum(smaller[voxels], larger[voxels])
        sizes = np.full(len(peaks), diameter_um)
        found.append(np.column_stack([heights, sizes, peaks * spacing_um])[own])
        smaller, response = response, larger
    blobs = np.concatenate(found)
    kept = np.zeros((0, 5))
    for blob in blobs[np.argsort(-blobs[:, 0])][:_MOST_BLOBS]:
        apart_um = np.linalg.norm(kept[:, 2:] - blob[2:], axis=1)
        if (apart_um > np.maximum(kept[:, 1], blob[1]) / 2).all():
            kept = np.concatenate([kept, blob[None]])
    return kept[:, 1]
