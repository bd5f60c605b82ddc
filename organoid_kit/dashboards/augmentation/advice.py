"""Which variations would teach something wrong: the image no longer shows what the answer says?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.spatial import cKDTree

from organoid_kit.base import NetworkSettings, files
from organoid_kit.examples import link, patches
from organoid_kit.examples.batches import Movies
from organoid_kit.tracking.motion import compute_displacements, estimate_drift

MOST_SKIP = 4  # links are measured over up to so many time points
_STACKS = 3  # of each movie are looked at
_DIM, _CLOSE, _FAST = 0.1, 0.1, 0.95  # quantiles: a dim nucleus, close neighbours, a fast nucleus
_SPREAD = 0.6745  # median absolute deviation of a normal distribution of standard deviation 1
# Nuclei are 5 to 12 µm wide (the range that `tune_blobs` looks through), 8 µm on average.
_SIZES = (5 / 8, 12 / 8)
_MOST_PASTED = 0.8
_WARNINGS = files.read_json(Path(__file__).with_name("augmentation_warnings.json"))
_WARN = {name: text.format for name, text in _WARNINGS.items()}
_MOST_TURN = 29.0  # degrees: a neighbour then moves by half of its distance, 2 sin(29° / 2) = 0.5


@dataclass(frozen=True)
class Kind:
    """How an operation is called and where its slider ends."""

    label: str
    meaning: str  # said where one points at it
    ends: tuple[float, float] | None  # of the slider; None: there is only on and off
    step: float = 0.05  # of the slider; a whole one makes whole numbers
    is_range: bool = False  # whether it has a lowest and a highest value, or only a highest
    networks: tuple[str, ...] = ("position", "division", "link")  # whose examples it varies


_KINDS = files.read_json(Path(__file__).with_name("operations.json"))
OPERATIONS = {name: Kind(**values) for name, values in _KINDS.items()}


def list_operations(network: str) -> list[str]:
    """Names of the operations that vary examples of a network, as in `AugmentationSettings`."""
    return [name for name, kind in OPERATIONS.items() if network in kind.networks]


@dataclass(frozen=True)
class ExampleFacts:
    """What was measured in the movies, where background is about 0, and bright nuclei about 1."""

    dim: float  # intensity of the dimmest tenth of the annotated nuclei
    mean: float  # of all intensities in the cuboid of the nuclei
    spread: float  # standard deviation of the background there, robustly from the darker half
    close_um: float | None  # a tenth of the nuclei have a neighbour as near; None: no two nuclei
    # How far the fastest twentieth of nuclei moves over 1, 2, … time points, drift taken out; where
    # links are annotated.
    moves_um: dict[int, float]
    pixel_um: float  # of the working spacing, in the plane


def measure_example_facts(annotated_movies: Movies, settings: NetworkSettings) -> ExampleFacts:
    """Looks at a few stacks of each movie, and at all positions and links."""
    if settings.spacing_um is None:
        settings = settings.changed(spacing_um=tuple(annotated_movies[0].movie.spacing_um))
    nuclei, stacks, close = [np.zeros(0)], [], [np.zeros(0)]
    for annotated in annotated_movies:
        positions = patches.compute_working_positions(annotated, settings)
        spacing_um = patches.compute_working_spacing(annotated, settings)
        times = annotated.annotations.annotated_time_points
        chosen = np.linspace(0, len(times) - 1, min(_STACKS, len(times))).astype(int)
        for time_point in times[chosen].tolist():
            here = positions[annotated.annotations.rows_at(time_point)]
            stack = patches.prepare_stack(annotated.movie, time_point, settings)
            low, high = np.round([here.min(axis=0), here.max(axis=0)]).astype(int)
            stacks.append(stack[tuple(map(slice, np.maximum(low, 0), high + 1))].reshape(-1))
            # Of each nucleus, the mean of 3 × 3 voxels in its plane.
            middles = np.clip(np.round(here).astype(int), 0, np.array(stack.shape) - 1)
            nuclei.append(uniform_filter(stack, (1, 3, 3), mode="nearest")[tuple(middles.T)])
            if len(here) > 1:
                points_um = here * spacing_um
                close.append(cKDTree(points_um).query(points_um, 2)[0][:, 1])
    values, nuclei, close = (np.concatenate(parts) for parts in (stacks, nuclei, close))
    dark = values[values <= np.median(values)]
    return ExampleFacts(
        dim=float(np.quantile(nuclei, _DIM)),
        mean=float(values.mean()),
        spread=float(np.median(np.abs(dark - np.median(dark))) / _SPREAD),
        close_um=float(np.quantile(close, _CLOSE)) if len(close) else None,
        moves_um=_measure_moves(annotated_movies),
        pixel_um=settings.spacing_um[2],
    )


def _measure_moves(annotated_movies: Movies) -> dict[int, float]:
    """How far fast nuclei move over so many time points, drift taken out, µm."""
    moves = {}
    for step in range(1, MOST_SKIP + 1):
        lengths = [np.zeros(0)]
        for annotated in annotated_movies:
            whole = annotated.with_spacing().annotations
            if len(whole):
                part, _ = link.skip_time_points(whole, step, int(whole.time_points.min()))
                moved_um = compute_displacements(part, part.links, estimate_drift(part))
                lengths.append(np.linalg.norm(moved_um, axis=1))
        if len(lengths := np.concatenate(lengths)):
            moves[step] = float(np.quantile(lengths, _FAST))
    return moves


def check_augmentation(settings: NetworkSettings, facts: ExampleFacts) -> dict[str, str]:
    """A warning for each setting that would teach something wrong, by its name."""
    rules, found = _Rules(settings, facts), {}
    for name in list_operations(settings.network):
        chosen = getattr(settings.augmentation, name)
        if chosen and (text := getattr(rules, name, lambda _: None)(chosen)):
            found[name] = text
    return found


@dataclass(frozen=True)
class _Rules:
    """A method for each setting, of its name: its value → a warning, or None."""

    settings: NetworkSettings
    facts: ExampleFacts

    def scale(self, chosen: tuple[float, float]) -> str | None:
        """Nuclei must stay of a size that occurs; in µm they differ little."""
        (low, high), (smallest, largest) = chosen, _SIZES
        if low < smallest or high > largest:
            return _WARN["scale"](low=8 * low, high=8 * high, smallest=smallest, largest=largest)

    def brightness(self, chosen: tuple[float, float]) -> str | None:
        """The dimmest nuclei must stay brighter than the background of other examples."""
        return self._warn_if_hidden(self.facts.dim * chosen[0], "Raise the lower end.")

    def contrast(self, chosen: tuple[float, float]) -> str | None:
        """What is darker than the mean moves down; below 0, gamma clips it to black."""
        (lowest, highest), dim = chosen, self.facts.dim
        moved = dim + (highest - 1) * (dim - self.facts.mean)
        if self.settings.augmentation.gamma is not None and moved <= 0:
            return _WARN["contrast"](highest=highest, dim=dim)
        return self._warn_if_hidden(dim * lowest, "Raise the lower end.")

    def gamma(self, chosen: tuple[float, float]) -> str | None:
        """A high exponent hides dim nuclei, a low one makes noise as bright as nuclei."""
        (lowest, highest), dim = chosen, self.facts.dim
        noise = max(self.facts.spread, 1e-6) ** lowest
        if noise > max(dim, 1e-6) ** lowest / 2:
            return _WARN["gamma"](lowest=lowest, noise=noise)
        return self._warn_if_hidden(max(dim, 0) ** highest, "Lower the upper end.")

    def depth_dimming(self, chosen: float) -> str | None:
        """Nuclei in the deepest plane of a patch must not go out."""
        deep = self.facts.dim * (1 - chosen)
        return self._warn_if_hidden(deep, "Lower it.", "in the deepest plane ")

    def noise(self, chosen: float) -> str | None:
        """Noise must stay below the signal: the dimmest nuclei at the lowest brightness."""
        signal = self.facts.dim * (self.settings.augmentation.brightness or (1.0, 1.0))[0]
        if chosen > signal:
            return _WARN["noise"](noise=chosen, signal=signal)

    def blur_px(self, chosen: float) -> str | None:
        """Neighbours must stay two: dots melt nearer than two standard deviations (Sparrow)."""
        pixel, close = self.facts.pixel_um, self.facts.close_um
        blur = chosen * pixel
        if close is not None and 2 * blur > close:
            most = close / 2 / pixel
            return _WARN["blur_px"](blur=blur, near=2 * blur, close=close, most=most)

    def jitter_um(self, chosen: float) -> str | None:
        """The nucleus in question must stay the one nearest to the middle of its crop."""
        close = self.facts.close_um
        if close is not None and chosen > close / 2:
            return _WARN["jitter_um"](jitter=chosen, close=close, most=close / 2)

    def paste(self, chosen: float) -> str | None:
        """Some crops must keep their own surroundings: in prediction, all do."""
        if chosen > _MOST_PASTED:
            return _WARN["paste"](part=chosen, most=_MOST_PASTED)

    def skip(self, chosen: int) -> str | None:
        """Over skipped time points, true links must stay shorter than the longest considered."""
        moved = self.facts.moves_um.get(min(chosen, MOST_SKIP), 0)
        if chosen > 1 and moved > self.settings.max_link_um:
            return _WARN["skip"](skip=chosen, moved=moved, longest=self.settings.max_link_um)

    def drift_um(self, chosen: float) -> str | None:
        """Fast nuclei and the drift together must stay below the longest link considered."""
        moved, longest = self.facts.moves_um.get(1), self.settings.max_link_um
        drift = chosen * np.sqrt(2)
        if moved is not None and moved + drift > longest:
            most = max(0.0, (longest - moved) / np.sqrt(2))
            return _WARN["drift_um"](moved=moved, drift=drift, longest=longest, most=most)

    def turn_degrees(self, chosen: float) -> str | None:
        """Between two time points, no neighbour may be turned to where another nucleus was."""
        if chosen > _MOST_TURN:
            return _WARN["turn_degrees"](degrees=chosen, most=_MOST_TURN)

    def _warn_if_hidden(self, intensity: float, remedy: str, where: str = "") -> str | None:
        """Where dim nuclei would be no brighter than the background of other examples."""
        if intensity <= 2 * (spread := self.facts.spread):
            texts = {"where": where, "remedy": remedy}
            return _WARN["hidden"](intensity=max(intensity, 0), spread=spread, **texts)
