"""One noun for what people annotate, networks predict and trackers link."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from organoid_kit.base import make_error, refuse_if

_NUCLEUS_RADIUS_UM = 3.5  # around the outermost centres, where nobody states a region
_ALONE_UM = 5.0  # so near to the centre of a nucleus of usual size is hardly another one's


@dataclass(frozen=True, eq=False)
class Annotations:
    """Nuclei of one movie and how they belong together. What is None is unknown.

    An integer coordinate is the centre of a voxel: (0, 0, 0) is the middle of the first.

    Attributes:
        positions: (n, 3) float, zyx, voxels of the movie.
        time_points: (n,) int, as the movie counts them.
        links: (m, 2) int, rows of `positions`, earlier one first. Two links forward are a division,
            two links backward a merge.
        properties: name → (n,) object array, ``None`` where a position lacks the value.
        link_properties: name → (m,) object array, likewise.
        spacing_um: µm per voxel, zyx.
        region: (2, 3) float, zyx, voxels, lowest and highest corner of what is wholly annotated;
            see `with_whole_image`. None: guessed, see `annotated_region`.
        known_um: of scattered annotations, see `with_scattered`: so far around each position no
            other nucleus is; beyond, nobody looked. None: all of the region is known.
        extra: whatever else a file said, kept so that writing it again loses nothing.
    """

    positions: np.ndarray
    time_points: np.ndarray
    links: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), dtype=int))
    properties: dict[str, np.ndarray] = field(default_factory=dict)
    link_properties: dict[str, np.ndarray] = field(default_factory=dict)
    spacing_um: tuple[float, float, float] | None = None
    minutes_per_time_point: float | None = None
    name: str = ""
    region: np.ndarray | None = None
    known_um: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Brings arrays to their types. Raises UserError where shapes do not fit together."""
        for key, kind, shape in (
            ("positions", float, (-1, 3)),
            ("time_points", int, (-1,)),
            ("links", int, (-1, 2)),
            ("region", float, (2, 3)),
        ):
            if (value := getattr(self, key)) is not None:
                object.__setattr__(self, key, np.asarray(value, dtype=kind).reshape(shape))
        length, links = len(self.positions), self.links
        times = len(self.time_points)
        refuse_if(times != length, "time point each", self.name, positions=length, times=times)
        if len(links) and (links.min() < 0 or links.max() >= length):
            raise make_error("link ends", self.name, row=links.max(), count=length)
        for table, count in ((self.properties, length), (self.link_properties, len(links))):
            for key, values in table.items():
                if isinstance(values, np.ndarray):
                    table[key] = values.astype(object, copy=False).reshape(-1)
                else:
                    table[key] = np.fromiter(values, dtype=object)  # also where values are lists
                if (found := len(table[key])) != count:
                    raise make_error("value each", self.name, found=found, key=key, count=count)

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def annotated_time_points(self) -> np.ndarray:
        """Sorted time points that have a position."""
        return np.unique(self.time_points)

    @property
    def positions_um(self) -> np.ndarray:
        """(n, 3) float, zyx, µm. Raises UserError where the spacing is unknown."""
        refuse_if(self.spacing_um is None, "spacing for µm", self.name)
        return self.positions * np.array(self.spacing_um)

    def rows_at(self, time_point: int) -> np.ndarray:
        """Rows of the positions at a time point, (k,) int."""
        return self.rows_by_time.get(int(time_point), np.zeros(0, dtype=int))

    @cached_property
    def rows_by_time(self) -> dict[int, np.ndarray]:
        """The rows of the positions at each time point that has any, in its order."""
        order = np.argsort(self.time_points, kind="stable")
        times, starts = np.unique(self.time_points[order], return_index=True)
        return dict(zip(times.tolist(), np.split(order, starts[1:])))

    def positions_at(self, time_point: int) -> np.ndarray:
        """Positions at a time point, (k, 3) float, zyx, voxels."""
        return self.positions[self.rows_at(time_point)]

    def annotated_region(self, time_point: int) -> np.ndarray | None:
        """Corners of what is wholly annotated, (2, 3) float, zyx, voxels: the stated `region`, or
        the cuboid of the nuclei then, whole if the spacing is known; None without positions.
        """
        positions = self.positions_at(time_point)
        if len(positions) == 0 or self.region is not None:
            return self.region if len(positions) else None
        margin = _NUCLEUS_RADIUS_UM / np.array(self.spacing_um or (np.inf,) * 3)
        return np.stack([positions.min(axis=0) - margin, positions.max(axis=0) + margin])

    def links_forward(self) -> np.ndarray:
        """Number of links that leave each position forward in time, (n,) int."""
        return np.bincount(self.links[:, 0], minlength=len(self))

    def links_backward(self) -> np.ndarray:
        """Number of links that reach each position from the previous time point, (n,) int."""
        return np.bincount(self.links[:, 1], minlength=len(self))

    def links_into(self) -> list[list[int]]:
        """For each position the indices of the links that reach it."""
        links_into: list[list[int]] = [[] for _ in range(len(self))]
        for index, target in enumerate(self.links[:, 1].tolist()):
            links_into[target].append(index)
        return links_into

    def divisions(self) -> np.ndarray:
        """Rows of the mothers: positions with two or more links forward, (k,) int."""
        return np.flatnonzero(self.links_forward() >= 2)

    def merges(self) -> np.ndarray:
        """Rows of positions with two or more links backward, (k,) int."""
        return np.flatnonzero(self.links_backward() >= 2)

    def without_links(self, wrong: np.ndarray) -> Annotations:
        """The same without these links (rows or a mask)."""
        kept = np.delete(np.arange(len(self.links)), wrong)
        properties = {key: value[kept] for key, value in self.link_properties.items()}
        return dataclasses.replace(self, links=self.links[kept], link_properties=properties)

    def tracks(self) -> list[np.ndarray]:
        """Runs of links without division or merge, each an array of rows in order of time."""
        forward, backward = self.links_forward(), self.links_backward()
        inner = (forward[self.links[:, 0]] == 1) & (backward[self.links[:, 1]] == 1)
        following = dict(self.links[inner].tolist())
        starts = np.setdiff1d(np.arange(len(self)), self.links[inner, 1])
        starts = starts[np.lexsort((starts, self.time_points[starts]))]
        tracks = []
        for start in starts.tolist():
            track = [start]
            while track[-1] in following:
                track.append(following[track[-1]])
            tracks.append(np.array(track))
        return tracks

    def select(self, rows: np.ndarray) -> Annotations:
        """These positions only (rows or a mask), with the links and properties that remain."""
        rows = np.arange(len(self))[rows]
        new_row = np.full(len(self), -1)
        new_row[rows] = np.arange(len(rows))
        kept = (new_row[self.links] >= 0).all(axis=1)
        return dataclasses.replace(
            self,
            positions=self.positions[rows],
            time_points=self.time_points[rows],
            links=new_row[self.links[kept]],
            properties={key: value[rows] for key, value in self.properties.items()},
            link_properties={key: value[kept] for key, value in self.link_properties.items()},
        )

    def with_whole_image(self, shape_zyx: Sequence[int]) -> Annotations:
        """The same with the whole image as `region`: every nucleus of each annotated time point."""
        region = [[-0.5] * 3, np.array(shape_zyx) - 0.5]
        return dataclasses.replace(self, region=np.array(region, dtype=float), known_um=None)

    def with_scattered(self, relative_size: float = 1.0) -> Annotations:
        """The same, said to be some nuclei here and there: what lies between them is unknown. What
        one tells of its surroundings follows the size of nuclei (`TimeLapse.relative_size`).
        """
        return dataclasses.replace(self, known_um=_ALONE_UM * relative_size)

    def with_spacing(self, spacing_um: Sequence[float] | None) -> Annotations:
        """The same with this spacing, µm per voxel, zyx, where they have none of their own."""
        if self.spacing_um is not None or spacing_um is None:
            return self
        return dataclasses.replace(self, spacing_um=tuple(spacing_um))
