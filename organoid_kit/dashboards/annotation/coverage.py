"""How much is annotated, and where: numbers, and a map of the annotated cuboid."""

import numpy as np

from organoid_kit.dashboards.parts.common import render
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation import summarise_annotations
from organoid_kit.evaluation.checks import summary
from organoid_kit.plots.drawing import count

_LONGEST = 120  # pixels: longest side of the map
_MOST_DOTS = 400
_GOAL = summary.POSITIONS_OF_ORGANOIDTRACKER


def describe_coverage(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    """How much is annotated and where the cuboid lies, in words."""
    return " ".join(_describe(movie, annotations, time_point))


def draw_coverage(movie: TimeLapse, annotations: Annotations, time_point: int) -> str:
    """The same with a map and a strip of time points, as HTML."""
    shape, spacing_um = np.array(movie.shape_zyx), np.array(movie.spacing_um)
    pixels = spacing_um * _LONGEST / max(shape * spacing_um)  # for each voxel
    places = annotations.positions_at(time_point)
    places = places[np.isfinite(places).all(axis=1)][:_MOST_DOTS]
    region = _find_region(annotations, time_point)
    if region is not None:
        region = ((np.clip(region, -0.5, shape - 0.5) + 0.5) * pixels).tolist()
    amount, words = _describe(movie, annotations, time_point)
    return render(
        "coverage.html",
        amount=amount,
        words=words,
        goal=_GOAL,
        part=min(len(annotations) / _GOAL, 1),
        longest=_LONGEST,
        size=(shape * pixels).tolist(),
        region=region,
        places=((places + 0.5) * pixels).tolist(),
        numbers=[len(annotations.rows_at(time)) for time in movie.time_points],
        now=movie.time_points.index(time_point),
        time_point=time_point,
    )


def _describe(movie: TimeLapse, annotations: Annotations, time_point: int) -> tuple[str, str]:
    found = summarise_annotations([AnnotatedMovie(movie, annotations)]).movies[0]
    amount = (
        f"{count(found.positions, 'position')} at {found.time_points} of "
        f"{count(found.movie_time_points, 'time point')}, {count(found.links, 'link')}, "
        f"{count(found.divisions, 'division')}. For scale: OrganoidTracker's author trained on "
        f"{_GOAL:,} positions from {summary.MOVIES_OF_ORGANOIDTRACKER} time lapses; this is "
        f"{found.positions / _GOAL:.1%}."
    )
    region = _find_region(annotations, time_point)
    if region is None:
        return amount, f"Nothing is annotated at time point {time_point}."
    low, high = np.clip(region, 0, np.array(movie.shape_zyx) - 1)
    part = np.prod((high - low + 1) / movie.shape_zyx)
    ranges = ", ".join(f"{axis} {low:.0f} to {high:.0f}" for axis, low, high in zip("zyx", *region))
    why = "as stated" if annotations.region is not None else "around its positions"
    cuboid = f"Annotated cuboid at time point {time_point} ({why})"
    return amount, f"{cuboid}: {ranges}; {part:.0%} of the image."


def _find_region(annotations: Annotations, time_point: int) -> np.ndarray | None:
    region = annotations.annotated_region(time_point)
    return region if region is not None and np.isfinite(region).all() else None
