"""Cell Tracking Challenge folders: label images and a text file that says which label is whose
daughter.

Read are `man_track.txt` with `man_trackTTT.tif` (truth) and `res_track.txt` with `maskTTT.tif`
(results), 2D and 3D. A line `L B E P` says that label L lives from time point B to E and that its
parent is P (0: none). A position is the centroid of a label's voxels; the label stays in the
property `ctc_label`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage
from scipy.spatial import KDTree

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import read_text, write_safely
from organoid_kit.data.annotations import Annotations

LABEL = "ctc_label"
_TRACK_FILES = {
    "man_track.txt": "man_track",
    "res_track.txt": "mask",
}  # and how their label images begin
_LARGEST_LABEL = np.iinfo(np.uint16).max  # the challenge's images are 16 bit


def read_ctc(
    folder: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a folder of label images, which may begin at any time point.

    The positions of a label are linked from each time point where it is seen to the next, also over
    a gap; a parent's last position is linked to the daughter's first, however long before it was.

    Args:
        folder: such as `01_GT/TRA` or `01_RES`.
        spacing_um: µm per voxel, zyx, where known; label images do not say.
        minutes_per_time_point: where known.

    Raises:
        UserError: the text file or images are missing or damaged, or they contradict each other.
    """
    folder = Path(folder)
    tracks, images = _find_files(folder)
    parent_of = _read_tracks(tracks)
    positions, time_points, labels = [], [], []
    for time_point, image in images.items():
        found, centroids = _centroids(_read_labels(image))
        _check_known(found, parent_of, image, tracks)
        positions += centroids
        time_points += [time_point] * len(found)
        labels += found
    return Annotations(
        positions=np.array(positions).reshape(-1, 3),
        time_points=time_points,
        links=_links(labels, time_points, parent_of, tracks),
        properties={LABEL: labels},
        spacing_um=spacing_um,
        minutes_per_time_point=minutes_per_time_point,
        name=folder.name,
    )


def write_ctc(
    annotations: Annotations,
    folder: str | Path,
    *,
    shape_zyx: tuple[int, int, int],
    time_points: range | None = None,
    radius_um: float = 2.5,
    results: bool = True,
    overwrite: bool = False,
) -> None:
    """Writes label images with a ball around each position, and the text file of the tracks.

    A voxel belongs to the nearest position, and the voxel in which a position lies to that
    position. A link that skips time points becomes a new label with a parent, as a label must be
    seen at every time point from its first to its last. There is an image for every time point from
    0 on, as the Challenge's tools count the files: those before the movie begins are empty.

    Args:
        annotations: with spacing.
        folder: to make.
        shape_zyx: of the movie. One plane gives 2D images.
        time_points: of the movie; up to the last with a position where not given.
        radius_um: of the balls.
        results: as results (`res_track.txt`, `maskTTT.tif`), otherwise as truth (`man_track.txt`,
            `man_trackTTT.tif`).
        overwrite: replace such a folder; a folder with other files in it is never replaced.

    Raises:
        UserError: there is no spacing, a merge, a position outside the movie, two positions in one
            voxel, too many tracks for 16 bits, or the folder exists.
    """
    folder = Path(folder)
    _check_can_be_written(annotations, shape_zyx, folder)
    if folder.is_dir() and overwrite:
        _check_only_ours(folder)
    labels, lines = _label_tracks(annotations, folder)
    time_points = _check_time_points(annotations, time_points, folder)
    file_name, beginning = list(_TRACK_FILES.items())[int(results)]
    digits = max(3, len(str(time_points[-1])))
    with write_safely(folder, overwrite=overwrite) as temporary:
        temporary.mkdir()
        (temporary / file_name).write_text(
            "".join(f"{' '.join(map(str, line))}\n" for line in lines)
        )
        for time_point in time_points:
            image = _draw_balls(annotations, time_point, labels, shape_zyx, radius_um)
            image = image[0] if shape_zyx[0] == 1 else image
            path = temporary / f"{beginning}{time_point:0{digits}}.tif"
            tifffile.imwrite(path, image, photometric="minisblack", compression="zlib")


def _find_files(folder: Path) -> tuple[Path, dict[int, Path]]:
    """The text file, and time point → label image in order of time."""
    for file_name, beginning in _TRACK_FILES.items():
        if (folder / file_name).is_file():
            matches = [
                (re.fullmatch(rf"{beginning}(\d+)\.tiff?", path.name), path)
                for path in folder.iterdir()
            ]
            images = {int(match[1]): path for match, path in matches if match}
            if images:
                return folder / file_name, dict(sorted(images.items()))
    raise UserError(
        "A Cell Tracking Challenge folder must hold man_track.txt with man_track000.tif …, or res_track.txt with "
        f"mask000.tif …. Received: {str(folder)!r}. Pass the folder with these files, such as 01_GT/TRA or 01_RES."
    )


def _read_tracks(path: Path) -> dict[int, int]:
    """Label → label of the parent, 0 where there is none."""
    parent_of = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        words = line.split()
        if len(words) != 4 or not all(word.isdecimal() and len(word) < 10 for word in words):
            raise _line_error(
                "A line must be four whole numbers: label, begin, end, parent", line, number, path
            )
        label, begin, end, parent = map(int, words)
        if label == 0 or label in parent_of or begin > end or parent == label:
            raise _line_error(
                "A label must have one line, begin before its end and no loop", line, number, path
            )
        parent_of[label] = parent
    return parent_of


def _check_known(labels: list[int], parent_of: dict[int, int], image: Path, tracks: Path) -> None:
    for label in set(labels) - set(parent_of):
        raise UserError(
            f"Every label must have a line in {tracks.name}. Received: label {label} in {str(image)!r}. "
            "Add its line, or take both from the same source."
        )


def _read_labels(path: Path) -> np.ndarray:
    """A label image, (z, y, x) int; a 2D image gets one plane."""
    try:
        labels = tifffile.imread(path)
    except Exception as error:  # tifffile and its codecs raise many kinds when a file is damaged
        raise UserError(
            f"A label image must be a TIFF file. Received: {str(path)!r}: {error}. "
            "It may be damaged or cut off: take it from its source again."
        ) from error
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "iu":
        raise UserError(
            f"A label image must have two or three axes and whole numbers. Received: {labels.ndim} axes, "
            f"{labels.dtype} in {str(path)!r}. Check that it is the label image and not the movie."
        )
    return labels if labels.ndim == 3 else labels[None]


def _centroids(image: np.ndarray) -> tuple[list[int], list[tuple[float, float, float]]]:
    """The labels in an image and their centroids, zyx, voxels."""
    labels = np.unique(image[image != 0])
    return labels.tolist(), ndimage.center_of_mass(
        np.ones(image.shape, dtype=bool), image, labels
    ) if len(labels) else []


def _links(
    labels: list[int], time_points: list[int], parent_of: dict[int, int], path: Path
) -> np.ndarray:
    """Rows of the two ends; the rows of a label are in order of time."""
    rows_of = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    links = [link for rows in rows_of.values() for link in zip(rows, rows[1:], strict=False)]
    for label, rows in rows_of.items():
        parent = parent_of[label]
        if parent and parent not in rows_of:
            raise UserError(
                f"A parent must be seen in the label images. Received: label {label} with parent {parent} in "
                f"{str(path)!r}. Set the parent to 0 or add the images that show it."
            )
        if parent and time_points[rows_of[parent][-1]] >= time_points[rows[0]]:
            raise UserError(
                f"A parent must be seen for the last time before its daughter is seen. Received: label {label} with "
                f"parent {parent} in {str(path)!r}. Correct the parent, or the label images."
            )
        links += [(rows_of[parent][-1], rows[0])] if parent else []
    return np.array(links, dtype=int).reshape(-1, 2)


def _label_tracks(
    annotations: Annotations, folder: Path
) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """A label for each position, (n,) int, and the lines label, begin, end, parent."""
    tracks = _split_at_gaps(annotations)
    if len(tracks) > _LARGEST_LABEL:
        raise UserError(
            f"Label images can hold {_LARGEST_LABEL} tracks. Received: {len(tracks)} tracks, for {str(folder)!r}. "
            "Write fewer time points, or write another format."
        )
    labels = np.zeros(len(annotations), dtype=np.uint16)
    for label, rows in enumerate(tracks, start=1):
        labels[rows] = label
    parent_of = dict(annotations.links[:, ::-1].tolist())
    parents = [int(labels[parent_of[rows[0]]]) if rows[0] in parent_of else 0 for rows in tracks]
    ends = [annotations.time_points[rows[[0, -1]]].tolist() for rows in tracks]
    return labels, [
        (number + 1, *end, parent)
        for number, (end, parent) in enumerate(zip(ends, parents, strict=True))
    ]


def _split_at_gaps(annotations: Annotations) -> list[np.ndarray]:
    """The tracks, parted where they skip a time point."""
    return [
        part
        for rows in annotations.tracks()
        for part in np.split(rows, np.flatnonzero(np.diff(annotations.time_points[rows]) > 1) + 1)
    ]


def _draw_balls(
    annotations: Annotations,
    time_point: int,
    labels: np.ndarray,
    shape_zyx: tuple[int, int, int],
    radius_um: float,
) -> np.ndarray:
    """A label image, (z, y, x) uint16; each voxel near enough has the label of the nearest
    position.
    """
    image = np.zeros(shape_zyx, dtype=np.uint16)
    rows, spacing_um = annotations.rows_at(time_point), np.array(annotations.spacing_um)
    if len(rows):
        positions = annotations.positions[rows]
        boxes = [_box(position, shape_zyx, radius_um / spacing_um) for position in positions]
        voxels = np.unique(np.concatenate(boxes), axis=0)
        distances_um, nearest = KDTree(positions * spacing_um).query(voxels * spacing_um)
        near = distances_um <= radius_um
        image[tuple(voxels[near].T)] = labels[rows][nearest[near]]
        image[tuple(_voxels(positions).T)] = labels[
            rows
        ]  # at least one voxel each, however small the ball
    return image


def _voxels(positions: np.ndarray) -> np.ndarray:
    """The voxel in which each position lies, (n, 3) int."""
    return np.floor(positions + 0.5).astype(int)


def _box(position: np.ndarray, shape_zyx: tuple, radius: np.ndarray) -> np.ndarray:
    """Indices of the voxels in the box around a ball, inside the image, (k, 3) int."""
    low = np.maximum(np.ceil(position - radius), 0).astype(int)
    high = np.minimum(np.floor(position + radius) + 1, shape_zyx).astype(int)
    return np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1).reshape(-1, 3)


def _check_can_be_written(annotations: Annotations, shape_zyx: tuple, folder: Path) -> None:
    if annotations.spacing_um is None:
        raise UserError(
            f"Balls in µm need the spacing of the movie. Received: no spacing_um in {annotations.name!r}. "
            "Set it with dataclasses.replace(annotations, spacing_um=(z, y, x))."
        )
    for row in annotations.merges()[:1]:
        raise UserError(
            f"The Cell Tracking Challenge's format has no merges. Received: {_place(annotations, row)} with several "
            f"links backward, for {str(folder)!r}. Remove all but one."
        )
    before, after = annotations.time_points[annotations.links].T.reshape(2, -1)
    for link in np.flatnonzero(after <= before)[:1]:
        raise UserError(
            f"Every link must go forward in time. Received: link {link} from time point {before[link]} to "
            f"{after[link]}, for {str(folder)!r}. Turn it round or remove it."
        )
    _check_places(annotations, shape_zyx, folder)


def _check_places(annotations: Annotations, shape_zyx: tuple[int, int, int], folder: Path) -> None:
    """Every position lies in the movie and has a voxel of its own."""
    inside = (
        (annotations.positions >= -0.5) & (annotations.positions < np.array(shape_zyx) - 0.5)
    ).all(axis=1)
    for row in np.flatnonzero(~inside)[:1]:  # also where a coordinate is NaN
        raise UserError(
            f"Every position must lie in the movie. Received: {_place(annotations, row)}, in a movie of shape "
            f"{tuple(shape_zyx)}, for {str(folder)!r}. Remove it or correct the shape."
        )
    voxels = np.column_stack([annotations.time_points, _voxels(annotations.positions)])
    _, first = np.unique(voxels, axis=0, return_index=True)
    for row in np.setdiff1d(np.arange(len(voxels)), first)[:1]:
        raise UserError(
            f"Two positions must not lie in the same voxel. Received: {_place(annotations, row)}, for "
            f"{str(folder)!r}. Remove one of them."
        )


def _place(annotations: Annotations, row: int) -> str:
    position = ", ".join(f"{value:g}" for value in annotations.positions[row])
    return f"position {row} at time point {annotations.time_points[row]}, z, y, x = {position}"


def _check_time_points(annotations: Annotations, time_points: range | None, folder: Path) -> range:
    """The time points to write, from 0 to the last of the movie; all positions lie in the movie."""
    seen = annotations.annotated_time_points.tolist()
    if time_points is None:
        time_points = range(max(seen, default=0) + 1)
    for time_point in [number for number in seen if number not in time_points or number < 0][:1]:
        raise UserError(
            f"Every position must lie in the movie. Received: time point {time_point}, for {str(folder)!r} with "
            f"{time_points}. File names count from 0 up: shift the time points or remove the position."
        )
    return range(max(time_points, default=0) + 1)


def _check_only_ours(folder: Path) -> None:
    for path in folder.iterdir():
        if not re.fullmatch(r"(man|res)_track\.txt|(man_track|mask)\d+\.tiff?", path.name):
            raise UserError(
                f"Only a folder of label images is replaced. Received: {str(folder)!r}, which also holds "
                f"{path.name!r}. Choose another folder."
            )


def _line_error(rule: str, line: str, number: int, path: Path) -> UserError:
    return UserError(
        f"{rule}. Received: {line!r:.60}, line {number} of {str(path)!r}. Repair this line."
    )
