"""Mistakes in annotations, found before a network learns them: one small function for each rule.

Nothing here raises on data. A position that breaks several rules is reported once, by the first rule it breaks: mend
it and check again. Distances are in µm and can be changed by the options of `check_annotations`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial import KDTree

from organoid_kit.annotations import Annotations
from organoid_kit.baseline import DIAMETER_UM, find_response_peaks, make_blob_response
from organoid_kit.dataset import AnnotatedMovie
from organoid_kit.errors import UserError
from organoid_kit.evaluation import match_positions
from organoid_kit.timelapse import TimeLapse

# OrganoidTracker's author trained on about 10,000 positions from 10 time lapses, and found that 1 % of wrong
# annotations already weakens the training.
POSITIONS_OF_ORGANOIDTRACKER = 10_000
MOVIES_OF_ORGANOIDTRACKER = 10


@dataclass(frozen=True)
class Problem:
    """Something that is wrong ("error") or looks wrong ("warning") in annotations or images.

    Attributes:
        rule: short stable name.
        message: what is wrong, where, and what to do.
        severity: "error" or "warning".
        time_point: where, or None if it concerns the whole movie.
        rows: rows of `Annotations.positions` that are concerned.
        position: zyx, voxels, where to look in the movie, or None.
    """

    rule: str
    message: str
    severity: str = "error"
    time_point: int | None = None
    rows: tuple[int, ...] = ()
    position: tuple[float, float, float] | None = None

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"


@dataclass(frozen=True)
class CheckLimits:
    """What counts as too close, too far, too bright."""

    diameter_um: float = DIAMETER_UM  # of an ordinary nucleus
    duplicate_um: float = 2.0  # two nuclei cannot be closer; sister nuclei in telophase are about 3 µm apart
    daughters_um: float = 20.0  # daughters are not farther apart one time point after the division
    jump_um: float = 10.0  # shorter links are never suspicious, however still the other nuclei are
    border_um: float = 8.0  # this close to the border a nucleus may come and go
    saturated_part: float = 0.01  # of the voxels may have the largest value


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
    problems = list(_check_basics(annotations, movie))
    if movie is not None:
        problems += _check_place(annotations, movie)
    problems += _check_direction(annotations)
    facing_forward = _turn_links(annotations, movie)
    for rule in (
        _check_numbers,
        _check_duplicates,
        _check_gaps,
        _check_jumps,
        _check_divisions,
        _check_daughters,
        _check_merges,
        _check_isolated,
    ):
        problems += rule(facing_forward, limits)
    problems += _check_track_ends(facing_forward, movie, limits)
    if movie is not None:
        times = annotations.annotated_time_points if time_points is None else np.asarray(time_points, dtype=int)
        comparable = not {"axes_swapped", "units_mixed_up", "spacing_differs"} & {one.rule for one in problems}
        wrong_channels = list(_check_channels(movie, channels))
        problems += wrong_channels
        for time_point in [] if wrong_channels else times[np.isin(times, movie.time_points)]:
            problems += _check_time_point(facing_forward, movie, int(time_point), channels, limits, comparable)
    return _report_positions_once(problems)


def _report_positions_once(problems: list[Problem]) -> list[Problem]:
    """Leaves out problems whose positions all have a problem already: they are mostly its consequence."""
    reported: set[int] = set()
    kept = []
    for problem in problems:
        if not problem.rows or not reported.issuperset(problem.rows):
            kept.append(problem)
        reported.update(problem.rows)
    return kept


# ---- the whole of it


def _check_basics(annotations: Annotations, movie: TimeLapse | None) -> Iterator[Problem]:
    """Positions, spacing, time points."""
    if len(annotations) == 0:
        yield Problem("no_positions", f"{annotations.name!r} has no positions. Annotate it, or leave it out.")
    if annotations.spacing_um is None:
        known = f" The movie's is {movie.spacing_um}." if movie else ""
        yield Problem("unknown_spacing", f"{annotations.name!r} has no spacing. Set spacing_um (z, y, x).{known}")
    elif movie is not None and not np.allclose(annotations.spacing_um, movie.spacing_um, rtol=1e-3):
        yield Problem(
            "spacing_differs",
            f"The spacing of the annotations is {annotations.spacing_um} µm, that of the movie {movie.spacing_um} µm "
            "(z, y, x). Correct the wrong one.",
        )
    times = annotations.annotated_time_points
    steps = np.diff(times)
    if (steps > 1).any() and len(annotations.links):
        first = int(times[np.argmax(steps > 1)]) + 1
        yield Problem(
            "time_point_without_annotation",
            f"Tracks are broken: {(steps - 1).sum()} time points between the first and the last have no position, the "
            f"first of them {first}. Annotate them, or keep the parts before and after in files of their own.",
            "warning",
            first,
        )
    for time_point in [] if movie is None else np.setdiff1d(times, movie.time_points):
        yield Problem(
            "time_point_missing",
            f"Time point {time_point} is annotated but not in the movie, which has {movie.time_points.start} to "
            f"{movie.time_points.stop - 1}. Check where the counting starts, or pass all image files.",
            time_point=int(time_point),
            rows=tuple(annotations.rows_at(time_point).tolist()),
        )


def _check_place(annotations: Annotations, movie: TimeLapse) -> Iterator[Problem]:
    """Positions outside the movie, and why, if one reason explains them all."""
    inside = _lie_inside(annotations.positions, movie)
    if inside.all():
        return
    everything = {"rows": tuple(range(len(annotations))), "position": None}
    if (order := _find_swapped_axes(annotations, movie)) is not None:
        yield Problem(
            "axes_swapped",
            f"{(~inside).sum()} positions lie outside the movie, but all fit if read in the order {order} instead of "
            "z, y, x. Correct the order of the columns where the positions are read.",
            **everything,
        )
    elif _lie_inside(annotations.positions / movie.spacing_um, movie).all():
        yield Problem(
            "units_mixed_up",
            f"{(~inside).sum()} positions lie outside the movie, but all fit if they are µm instead of voxels. "
            f"Divide them by the spacing {movie.spacing_um} where they are read.",
            **everything,
        )
    else:
        shape = " × ".join(map(str, movie.shape_zyx))
        for row in np.flatnonzero(~inside):
            yield _problem_at(
                annotations, "out_of_bounds", [row], f"outside the movie of {shape} voxels. Move or delete it."
            )


def _lie_inside(positions: np.ndarray, movie: TimeLapse) -> np.ndarray:
    """Which positions lie in the image, (n,) bool; unknown ones (NaN) do, they have a rule of their own."""
    outside = (positions < -0.5) | (positions > np.array(movie.shape_zyx) - 0.5)
    return ~outside.any(axis=1)


def _find_swapped_axes(annotations: Annotations, movie: TimeLapse) -> str | None:
    """The order of axes in which all positions fit the movie, such as "x, y, z", or None."""
    for order in list(permutations(range(3)))[:0:-1]:  # x, y, z first: the commonest slip
        if _lie_inside(annotations.positions[:, order], movie).all():
            return ", ".join("zyx"[axis] for axis in np.argsort(order))
    return None


# ---- positions and links


def _check_numbers(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Coordinates that are no numbers."""
    for row in np.flatnonzero(~np.isfinite(annotations.positions).all(axis=1)):
        yield _problem_at(annotations, "not_a_number", [row], "has a coordinate that is no number. Place it again.")


def _check_duplicates(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Two positions on one nucleus."""
    for time_point in annotations.annotated_time_points if annotations.spacing_um else ():
        rows = _usable_rows(annotations, time_point)
        points_um = _positions_um(annotations)[rows]
        for pair in sorted(KDTree(points_um).query_pairs(limits.duplicate_um)) if len(rows) else ():
            distance = np.linalg.norm(points_um[pair[0]] - points_um[pair[1]])
            text = f"is only {distance:.1f} µm from another one. If both mark the same nucleus, delete one."
            yield _problem_at(annotations, "duplicate_position", rows[list(pair)], text)


def _check_direction(annotations: Annotations) -> Iterator[Problem]:
    """Links that go backward or stay in one time point."""
    for link in annotations.links[_steps(annotations) <= 0]:
        text = f"has a link to time point {annotations.time_points[link[1]]}: links must go forward. Turn or delete it."
        yield _problem_at(annotations, "link_not_forward", link, text)


def _check_gaps(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Links that skip a time point at which other nuclei are annotated."""
    times = annotations.annotated_time_points
    first, last = annotations.time_points[annotations.links].T
    skipped = np.searchsorted(times, last) - np.searchsorted(times, first) > 1
    for link in annotations.links[skipped]:
        text = f"has a link to time point {annotations.time_points[link[1]]}. Annotate the nucleus in between."
        yield _problem_at(annotations, "link_skips_time_point", link, text)


def _check_jumps(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Links much longer than the others; divisions aside, they have rules of their own."""
    if annotations.spacing_um is None:
        return
    plain = (_steps(annotations) == 1) & (annotations.links_forward()[annotations.links[:, 0]] == 1)
    links = annotations.links[plain]
    lengths = np.linalg.norm(np.diff(_positions_um(annotations)[links], axis=1), axis=(1, 2))
    known = lengths[np.isfinite(lengths)]
    usual = np.median(known) if len(known) else 0.0
    spread = 1.4826 * np.median(np.abs(known - usual)) if len(known) else 0.0
    for link, length in zip(links, lengths, strict=True):
        if length > max(limits.jump_um, usual + 8 * spread):
            text = (
                f"moves {length:.1f} µm to the next time point; {usual:.1f} µm is usual. Link it to the right nucleus."
            )
            yield _problem_at(annotations, "link_too_long", link, text, "warning")


def _check_divisions(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Divisions into more than two."""
    for row in np.flatnonzero(annotations.links_forward() > 2):
        text = f"divides into {annotations.links_forward()[row]}. A nucleus has two daughters: delete the wrong links."
        yield _problem_at(annotations, "division_not_in_two", [row], text)


def _check_daughters(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Daughters that have flown apart."""
    if annotations.spacing_um is None:
        return
    for mother in np.flatnonzero(annotations.links_forward() == 2):
        daughters = annotations.links[annotations.links[:, 0] == mother, 1]
        distance = np.linalg.norm(np.diff(_positions_um(annotations)[daughters], axis=0))
        if distance > limits.daughters_um:
            text = f"divides into daughters {distance:.1f} µm apart. Link it to the right daughters."
            yield _problem_at(annotations, "daughters_too_far_apart", [mother], text, "warning")


def _check_merges(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Tracks that become one."""
    for row in annotations.merges():
        text = (
            f"has links from {annotations.links_backward()[row]} positions: nuclei do not merge. Delete the wrong link."
        )
        yield _problem_at(annotations, "merge", [row], text)


def _check_isolated(annotations: Annotations, limits: CheckLimits) -> Iterator[Problem]:
    """Positions without any link, where others have links."""
    alone = (annotations.links_forward() + annotations.links_backward() == 0) & bool(len(annotations.links))
    times = annotations.annotated_time_points
    neighbours = np.isin(annotations.time_points - 1, times) | np.isin(annotations.time_points + 1, times)
    for row in np.flatnonzero(alone & neighbours):
        text = "has no link. Link it to the time points before and after, or delete it if there is no nucleus."
        yield _problem_at(annotations, "isolated_position", [row], text, "warning")


def _check_track_ends(annotations: Annotations, movie: TimeLapse | None, limits: CheckLimits) -> Iterator[Problem]:
    """Tracks that begin or end far from the border, although the time point before or after is annotated."""
    linked = (annotations.links_forward() + annotations.links_backward()) > 0
    candidates = linked & _lie_deep(annotations, movie, limits.border_um)
    times = annotations.annotated_time_points
    times = times if movie is None else times[np.isin(times, movie.time_points)]
    for rule, links, step, marker, text in (
        (
            "track_begins_inside",
            annotations.links_backward(),
            -1,
            "starting",
            "begins a track. Link it to where it was",
        ),
        ("track_ends_inside", annotations.links_forward(), 1, "ending", "ends a track. Link it to where it went"),
    ):
        followed = np.isin(annotations.time_points + step, times)
        explained = np.array([value is not None for value in annotations.properties.get(marker, [None] * len(linked))])
        for row in np.flatnonzero(candidates & followed & (links == 0) & ~explained.astype(bool)):
            text_here = (
                f"{text} at time point {annotations.time_points[row] + step}, or say why in its {marker!r} property."
            )
            yield _problem_at(annotations, rule, [row], text_here, "warning")


def _lie_deep(annotations: Annotations, movie: TimeLapse | None, border_um: float) -> np.ndarray:
    """Which positions are farther than `border_um` from where annotation ends, (n,) bool; none of unknown spacing."""
    if annotations.spacing_um is None or len(annotations) == 0:
        return np.zeros(len(annotations), dtype=bool)
    if annotations.region is not None:
        low, high = annotations.region
    elif movie is not None:
        low, high = np.zeros(3), np.array(movie.shape_zyx) - 1.0
    else:
        usable = annotations.positions[np.isfinite(annotations.positions).all(axis=1)]
        low, high = usable.min(axis=0, initial=np.inf), usable.max(axis=0, initial=-np.inf)
    margin = np.minimum(border_um / np.array(annotations.spacing_um), (high - low) / 4)  # thin movies have no inside
    return ((annotations.positions >= low + margin) & (annotations.positions <= high - margin)).all(axis=1)


# ---- images


def _check_channels(movie: TimeLapse, channels: Sequence[int]) -> Iterator[Problem]:
    """Channels that the movie does not have, reported once for all time points."""
    count = len(movie.channel_names)
    wrong = [channel for channel in channels if not 1 <= channel <= count]
    if wrong or not len(channels):
        names = ", ".join(movie.channel_names)
        yield Problem(
            "wrong_channel",
            f"The images were not looked at: channels={tuple(channels)}, but {movie.name!r} has channels 1 to {count} "
            f"({names}). Choose those that show the nuclei.",
        )


def _check_time_point(
    annotations: Annotations,
    movie: TimeLapse,
    time_point: int,
    channels: Sequence[int],
    limits: CheckLimits,
    comparable: bool,
) -> list[Problem]:
    """One image, and whether positions sit where it is bright."""
    try:
        stack = np.asarray(movie.stack(time_point, channels))
    except (UserError, OSError, ValueError) as error:
        text = f"The image of time point {time_point} cannot be read: {error} Export it again, or leave it out."
        return [Problem("unreadable_image", text, time_point=time_point)]
    problems = list(_check_image(stack, movie, time_point, limits))
    if comparable and not any(problem.severity == "error" for problem in problems):
        problems += _check_brightness(annotations, stack, movie, time_point, limits)
    return problems


def _check_image(stack: np.ndarray, movie: TimeLapse, time_point: int, limits: CheckLimits) -> Iterator[Problem]:
    """Images of another shape, and images that show nothing."""
    where = f"The image of time point {time_point}"
    brightest = np.nanmax(stack) if stack.size and not np.isnan(stack).all() else np.nan
    saturated = np.mean(stack == brightest) if stack.size else 0
    if stack.shape != tuple(movie.shape_zyx):
        rule, text = (
            "wrong_shape",
            f"has the shape {stack.shape} instead of {movie.shape_zyx} (z, y, x). Export it again.",
        )
    elif not np.isfinite(stack).all():
        rule, text = (
            "image_not_a_number",
            "has voxels that are no numbers. Export it again, or fill them with background.",
        )
    elif brightest == stack.min() == 0:
        rule, text = "empty_image", "is zero everywhere. Choose another channel, or leave this time point out."
    elif brightest == stack.min():
        rule, text = "constant_image", f"is {brightest:g} everywhere. Choose another channel, or leave it out."
    elif saturated > limits.saturated_part and brightest > np.median(stack):
        text = f"has {saturated:.0%} of its voxels at the largest value {brightest:g}: it is saturated. "
        yield Problem(
            "saturated_image", f"{where} {text}Record with less light, or export more bits.", "warning", time_point
        )
        return
    else:
        return
    yield Problem(rule, f"{where} {text}", time_point=time_point)


def _check_brightness(
    annotations: Annotations, stack: np.ndarray, movie: TimeLapse, time_point: int, limits: CheckLimits
) -> Iterator[Problem]:
    """Positions beside their nucleus, and bright blobs without a position."""
    rows = _usable_rows(annotations, time_point)
    rows = rows[_lie_inside(annotations.positions[rows], movie)]
    if len(rows) == 0:
        return
    positions = annotations.positions[rows]
    response, step = make_blob_response(stack, movie.spacing_um, limits.diameter_um)
    coarse = (positions - (step - 1) / 2) / step
    here = map_coordinates(response, coarse.T, order=1, mode="nearest")
    usual = max(np.median(here), 0.05)
    blobs, heights = find_response_peaks(response, step, movie.spacing_um, 0.1 * usual)
    positions_um, blobs_um = positions * movie.spacing_um, blobs * movie.spacing_um
    pairs = match_positions(positions_um, blobs_um, limits.diameter_um)
    trusted = _lie_in_region(annotations, rows, blobs, 0)  # beyond the region nuclei have no position of their own
    off_centre = here < 0.05 * usual
    off_centre |= _lie_beside(positions_um, blobs_um[trusted], here, heights[trusted], limits)
    for row in rows[off_centre]:
        text = "is not in the middle of a bright nucleus. Look there; move it to the centre."
        yield _problem_at(annotations, "off_centre", [row], text, "warning")
    missing = (heights > 0.5 * usual) & _lie_alone(blobs_um, positions_um, limits)
    missing[pairs[:, 1]] = False
    for blob in blobs[missing & _lie_in_region(annotations, rows, blobs, limits.diameter_um / 4)]:
        text = f"A bright blob {_say_where(time_point, blob)} has no position. If it is a nucleus, annotate it."
        yield Problem("nucleus_missing", text, "warning", time_point, position=tuple(blob.tolist()))


def _lie_beside(
    positions_um: np.ndarray, blobs_um: np.ndarray, here: np.ndarray, heights: np.ndarray, limits: CheckLimits
) -> np.ndarray:
    """Which positions are farther from their blob than the radius of a nucleus, and in the dark, (k,) bool.

    A blob belongs to a position if each is the other's nearest.
    """
    if len(blobs_um) == 0:
        return np.zeros(len(positions_um), bool)
    distances, nearest = KDTree(blobs_um).query(positions_um)
    own = KDTree(positions_um).query(blobs_um)[1][nearest] == np.arange(len(positions_um))
    beside = (distances > limits.diameter_um / 2) & (distances <= limits.diameter_um)
    return own & beside & (here < 0.5 * heights[nearest])


def _lie_alone(blobs_um: np.ndarray, positions_um: np.ndarray, limits: CheckLimits) -> np.ndarray:
    """Which blobs have no position nearby, (k,) bool; the others may be a second bright place in a large nucleus."""
    return KDTree(positions_um).query(blobs_um)[0] > 0.75 * limits.diameter_um


def _lie_in_region(annotations: Annotations, rows: np.ndarray, places: np.ndarray, margin_um: float) -> np.ndarray:
    """Which places lie inside what is completely annotated at the time point of `rows`, not just at its border."""
    positions = annotations.positions[rows]
    low, high = np.stack([positions.min(axis=0), positions.max(axis=0)])
    if annotations.region is not None:
        low, high = annotations.region
    spacing_um = annotations.spacing_um or (1, 1, 1)
    margin = np.minimum(margin_um / np.array(spacing_um), (high - low) / 4)
    return ((places >= low + margin) & (places <= high - margin)).all(axis=1)


# ---- helpers


def _turn_links(annotations: Annotations, movie: TimeLapse | None) -> Annotations:
    """With links turned forward and those within a time point left out, so that other rules judge them fairly."""
    positions = np.where(np.isfinite(annotations.positions), annotations.positions, np.nan)
    backward = _steps(annotations) < 0
    links = np.where(backward[:, None], annotations.links[:, ::-1], annotations.links)[_steps(annotations) != 0]
    spacing_um = annotations.spacing_um or (movie.spacing_um if movie else None)
    return dataclasses.replace(annotations, positions=positions, links=links, link_properties={}, spacing_um=spacing_um)


def _steps(annotations: Annotations) -> np.ndarray:
    """Time points each link goes forward, (m,) int."""
    return np.diff(annotations.time_points[annotations.links], axis=1)[:, 0]


def _positions_um(annotations: Annotations) -> np.ndarray:
    return annotations.positions * np.array(annotations.spacing_um)


def _usable_rows(annotations: Annotations, time_point: int) -> np.ndarray:
    """Rows of a time point whose coordinates are numbers."""
    rows = annotations.rows_at(time_point)
    return rows[np.isfinite(annotations.positions[rows]).all(axis=1)]


def _say_where(time_point: int, position: np.ndarray) -> str:
    z, y, x = position
    return f"at time point {time_point}, z {z:.1f}, y {y:.1f}, x {x:.1f}"


def _problem_at(
    annotations: Annotations, rule: str, rows: Sequence[int], text: str, severity: str = "error"
) -> Problem:
    """A problem of positions; it lies where the first of them lies."""
    rows = tuple(int(row) for row in rows)
    time_point, position = int(annotations.time_points[rows[0]]), annotations.positions[rows[0]]
    message = f"The position {_say_where(time_point, position)} {text}"
    return Problem(rule, message, severity, time_point, rows, tuple(position.tolist()))


# ---- how much there is


@dataclass(frozen=True)
class MovieSummary:
    """How much of one movie is annotated.

    Attributes:
        name: of the movie.
        positions, links, divisions: how many.
        time_points: how many have at least one position.
        movie_time_points: how many the movie has.
        image_part: part of the image volume that is annotated, mean over annotated time points, or None without any.
    """

    name: str
    positions: int
    time_points: int
    movie_time_points: int
    links: int
    divisions: int
    image_part: float | None


@dataclass(frozen=True)
class AnnotationSummary:
    """How much is annotated, per movie and in all."""

    movies: tuple[MovieSummary, ...]

    @property
    def positions(self) -> int:
        """Number of positions in all movies."""
        return sum(movie.positions for movie in self.movies)

    @property
    def advice(self) -> str:
        """Whether this is enough to train from scratch, in plain words."""
        movies = sum(movie.positions > 0 for movie in self.movies)
        scale = (
            f"You have {self.positions:,} positions in {movies} movie{'s' * (movies != 1)}. For scale: the author of "
            f"OrganoidTracker trained on about {POSITIONS_OF_ORGANOIDTRACKER:,} positions from "
            f"{MOVIES_OF_ORGANOIDTRACKER} time lapses, and 1 % of wrong annotations already weakened the training."
        )
        if self.positions == 0:
            return f"{scale} Annotate a part of a movie first, completely."
        if self.positions >= POSITIONS_OF_ORGANOIDTRACKER / 2 and movies >= 3:
            return f"{scale} That is enough to train from scratch; fine-tuning is still quicker."
        few = " With a single movie, no score can tell how the network does on another one." if movies == 1 else ""
        return f"{scale} Better fine-tune a pretrained network than train from scratch.{few}"

    def __str__(self) -> str:
        heading = ("movie", "positions", "time points", "links", "divisions", "part of image")
        rows = [_say_row(movie) for movie in self.movies]
        total = [
            "in all",
            *(str(sum(getattr(one, key) for one in self.movies)) for key in ("positions", "time_points")),
        ]
        total += [*(str(sum(getattr(one, key) for one in self.movies)) for key in ("links", "divisions")), ""]
        table = [heading, *rows, total]
        widths = [max(len(row[column]) for row in table) for column in range(len(heading))]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
            )
            for row in table
        ]
        return "\n".join([*(line.rstrip() for line in lines), "", self.advice])


def summarise_annotations(annotated_movies: Sequence[AnnotatedMovie]) -> AnnotationSummary:
    """How much is annotated, per movie and in all; print it."""
    return AnnotationSummary(tuple(_summarise_movie(one.movie, one.annotations) for one in annotated_movies))


def _summarise_movie(movie: TimeLapse, annotations: Annotations) -> MovieSummary:
    parts = [
        _image_part(annotations.annotated_region(time_point), movie.shape_zyx)
        for time_point in annotations.annotated_time_points
    ]
    return MovieSummary(
        name=movie.name,
        positions=len(annotations),
        time_points=len(parts),
        movie_time_points=len(movie.time_points),
        links=len(annotations.links),
        divisions=len(annotations.divisions()),
        image_part=float(np.mean(parts)) if parts else None,
    )


def _image_part(region: np.ndarray, shape_zyx: Sequence[int]) -> float:
    """Part of the voxels whose centre lies in the region."""
    low, high = np.ceil(np.maximum(region[0], 0)), np.floor(np.minimum(region[1], np.array(shape_zyx) - 1))
    return float(np.prod(np.maximum(high - low + 1, 0) / shape_zyx))


def _say_row(movie: MovieSummary) -> list[str]:
    part = "not measured" if movie.image_part is None else f"{movie.image_part:.1%}"
    times = f"{movie.time_points} of {movie.movie_time_points}"
    return [movie.name, str(movie.positions), times, str(movie.links), str(movie.divisions), part]
