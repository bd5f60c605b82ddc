"""How much is annotated, and whether that is enough."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from organoid_kit.data import AnnotatedMovie

# OrganoidTracker's author trained on about 10,000 positions from 10 time lapses, and found that 1 %
# of wrong annotations already weakens the training.
POSITIONS_OF_ORGANOIDTRACKER = 10_000
MOVIES_OF_ORGANOIDTRACKER = 10


@dataclass(frozen=True)
class MovieSummary:
    """How much of one movie is annotated."""

    name: str
    positions: int
    time_points: int  # how many have at least one position
    movie_time_points: int  # how many the movie has
    links: int
    divisions: int
    # part of the volume annotated, mean over annotated time points; None of scattered annotations
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
        known = f"{POSITIONS_OF_ORGANOIDTRACKER:,} positions from {MOVIES_OF_ORGANOIDTRACKER} time"
        scale = f"You have {self.positions:,} positions in {movies} movie{'s' * (movies != 1)}. For"
        scale += f" scale: the author of OrganoidTracker trained on about {known} lapses, and 1 % "
        scale += "of wrong annotations already weakened the training."
        if self.positions == 0:
            return f"{scale} Annotate a part of a movie first, completely."
        if self.positions >= POSITIONS_OF_ORGANOIDTRACKER / 2 and movies >= 3:
            return f"{scale} That is enough to train from scratch; fine-tuning is still quicker."
        advice = f"{scale} Better fine-tune a pretrained network than train from scratch."
        if movies == 1:
            advice += " With a single movie, no score can tell how the network does on another one."
        return advice

    def __str__(self) -> str:
        heading = ("movie", "positions", "time points", "links", "divisions", "part of image")
        counts = ("positions", "time_points", "links", "divisions")
        total = [str(sum(getattr(movie, count) for movie in self.movies)) for count in counts]
        table = [heading, *map(_list_cells, self.movies), ("in all", *total, "")]
        widths = [max(map(len, column)) for column in zip(*table)]
        notes = []
        if any(movie.positions and movie.image_part is None for movie in self.movies):
            unknown = "nuclei without a position, and tracks that begin or end"
            notes = [f"Where annotations are scattered, {unknown}, were not looked for."]
        lines = [
            "  ".join([name.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip()
            for name, *cells in table
        ]
        return "\n".join([*lines, "", *notes, self.advice])


def _list_cells(movie: MovieSummary) -> tuple[str, ...]:
    unknown = "scattered" if movie.positions else "not measured"
    part = unknown if movie.image_part is None else f"{movie.image_part:.1%}"
    times = f"{movie.time_points} of {movie.movie_time_points}"
    return movie.name, str(movie.positions), times, str(movie.links), str(movie.divisions), part


def summarise_annotations(annotated_movies: Sequence[AnnotatedMovie]) -> AnnotationSummary:
    """How much is annotated, per movie and in all; print it."""
    summaries = []
    for annotated in annotated_movies:
        movie, annotations = annotated.movie, annotated.annotations
        parts, last = [], np.array(movie.shape_zyx) - 1
        for time_point in annotations.annotated_time_points:
            low, high = annotations.annotated_region(time_point)
            size = np.floor(np.minimum(high, last)) - np.ceil(np.maximum(low, 0)) + 1  # voxels
            parts.append(np.prod(np.maximum(size, 0) / movie.shape_zyx))
        summary = MovieSummary(
            name=movie.name,
            positions=len(annotations),
            time_points=len(parts),
            movie_time_points=len(movie.time_points),
            links=len(annotations.links),
            divisions=len(annotations.divisions()),
            image_part=float(np.mean(parts)) if parts and annotations.known_um is None else None,
        )
        summaries.append(summary)
    return AnnotationSummary(tuple(summaries))
