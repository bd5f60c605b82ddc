"""Cell Tracking Challenge folders: label images and a text file that says which label is whose
daughter.

Read are `man_track.txt` with `man_trackTTT.tif` (truth) and `res_track.txt` with `maskTTT.tif`
(results), 2D and 3D. A line `L B E P` says that label L lives from time point B to E and that its
parent is P (0: none). A position is the centroid of a label's voxels; the label stays in the
property `ctc_label`.
"""

import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import tifffile
from scipy import ndimage
from scipy.spatial import KDTree

from organoid_kit.base import files, make_error, refuse, warn
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.reading.tiff import collect_complaints

LABEL = "ctc_label"
_TRACK_FILES = {"man_track.txt": "man_track", "res_track.txt": "mask"}  # → start of image names
_LARGEST_LABEL = np.iinfo(np.uint16).max  # the challenge's images are 16 bit
_COUNTED = range(1_000_000)  # time points: each is a file
_Said = dict[int, tuple[int, int, int]]  # label → first and last time point, parent


def read_ctc(
    folder: str | Path,
    *,
    spacing_um: tuple[float, float, float] | None = None,
    minutes_per_time_point: float | None = None,
) -> Annotations:
    """Annotations from a folder such as `01_GT/TRA` or `01_RES`, which may begin at any time point.

    The positions of a label are linked from each time point where it is seen to the next, also over
    a gap; a parent's last position is linked to the daughter's first, however long before it was.
    The spacing is µm per voxel, zyx; label images do not say.
    """
    folder = Path(folder)
    tracks, images = _find_files(folder)
    said = _read_tracks(tracks)
    positions, time_points, labels, shapes, torn = [], [], [], {}, []
    for time_point, path in images.items():
        image = _read_labels(path)
        if len(shapes := {image.shape: path} | shapes) > 1:
            kinds = " and ".join(f"{shape} in {file.name}" for shape, file in shapes.items())
            raise make_error("labels alike", folder, kinds=kinds)
        found = np.unique(image[image != 0]).tolist()
        for label in set(found) - set(said):
            raise refuse(path, f"Every label must have a line in {tracks.name}", f"label {label}")
        if found:
            positions += ndimage.center_of_mass(np.ones(image.shape, dtype=bool), image, found)
        torn += [(label, time_point) for label in _find_torn(image, len(found))]
        time_points += [time_point] * len(found)
        labels += found
    rows_of = defaultdict(list)
    for row, label in enumerate(labels):
        rows_of[label].append(row)
    _warn_of_contradictions(rows_of, time_points, said, tracks)
    for label, time_point in torn[:1]:
        first = f"{len(torn)} labels lie in pieces, the first: {label} at time point {time_point}"
        advice = "A position is the centre of all pieces: look whether they are several nuclei."
        warn(f"{folder}: {first}. {advice}")
    return Annotations(
        positions=positions,
        time_points=time_points,
        links=_make_links(rows_of, time_points, said, tracks),
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

    The shape is the movie's; one plane gives 2D images. `results`: whether files are named as
    results or as truth. A folder with other files in it is never replaced. Links into merges are
    left out, and a warning says so. UserError where there is no spacing, a position outside the
    movie, two in one voxel, too many tracks for 16 bits, or the folder exists.
    """
    folder = Path(folder)
    if len(merges := annotations.merges()):
        first = _describe(annotations, merges[0])
        message = f"Written without links into {len(merges)} merges, the first: {first}."
        warn(f"{annotations.name}: {message}")
        annotations = annotations.without_links(np.isin(annotations.links[:, 1], merges))
    _check_can_be_written(annotations, shape_zyx, time_points, folder)
    for path in folder.iterdir() if folder.is_dir() and overwrite else ():
        if not re.fullmatch(r"(man|res)_track\.txt|(man_track|mask)\d+\.tiff?", path.name):
            raise make_error("only label images", folder, name=path.name)
    labels, lines = _label_tracks(annotations, folder)
    last = max(annotations.time_points if time_points is None else time_points, default=0)
    file_name, beginning = list(_TRACK_FILES.items())[int(results)]
    digits = max(3, len(str(last)))
    with files.write_safely(folder, overwrite=overwrite) as temporary:
        temporary.mkdir()
        (temporary / file_name).write_text("".join(lines))
        for time_point in range(last + 1):
            rows = annotations.rows_at(time_point)
            image = _draw_balls(annotations, rows, labels[rows], shape_zyx, radius_um)
            image = image[0] if shape_zyx[0] == 1 else image
            path = temporary / f"{beginning}{time_point:0{digits}}.tif"
            tifffile.imwrite(path, image, photometric="minisblack", compression="zlib")


def _find_files(folder: Path) -> tuple[Path, dict[int, Path]]:
    """The text file, and time point → label image in order of time."""
    for file_name, beginning in _TRACK_FILES.items():
        if (folder / file_name).is_file():
            name = re.compile(rf"{beginning}(\d+)\.tiff?")
            matches = [(name.fullmatch(path.name), path) for path in folder.iterdir()]
            images = {int(match[1]): path for match, path in matches if match}
            if images:
                return folder / file_name, dict(sorted(images.items()))
    raise make_error("CTC folder", folder)


def _find_torn(image: np.ndarray, count: int) -> list[int]:
    """Which of so many labels lie in several pieces that do not touch."""
    from skimage import measure  # takes half a second to load

    pieces, pieces_count = measure.label(image, return_num=True)
    if pieces_count == count:
        return []
    first_voxels = np.unique(pieces, return_index=True)[1]
    labels, counts = np.unique(image.ravel()[first_voxels], return_counts=True)
    return labels[(counts > 1) & (labels > 0)].tolist()


def _read_tracks(path: Path) -> _Said:
    """What the lines say of each label; btrack writes a root's own label as its parent."""
    said = {}
    for number, line in enumerate(files.read_text(path).splitlines(), start=1):
        if not (words := line.split()):
            continue
        whole = all(word.isdecimal() and len(word) < 10 for word in words)
        label, begin, end, parent = map(int, words) if whole and len(words) == 4 else [0] * 4
        if label == 0 or label in said or begin > end:
            raise make_error("CTC line", path, line=line, number=number)
        said[label] = begin, end, 0 if parent == label else parent
    return said


def _warn_of_contradictions(
    rows_of: dict[int, list[int]], time_points: list[int], said: _Said, path: Path
) -> None:
    """Where the text names other time points than the images show: the images count."""
    seen = {label: [time_points[row] for row in rows_of[label]] for label in said}
    spans = {n: (t[0], t[-1], t[-1] - t[0] + 1) if (t := seen[n]) else () for n in seen}
    wrong = [n for n, (begin, end, _) in said.items() if spans[n] != (begin, end, len(seen[n]))]
    for label in wrong[:1]:
        text = f"label {label} from {said[label][0]} to {said[label][1]}; the images show it at"
        times = ", ".join(map(str, seen[label])) or "no time point"
        advice = "The images count. Check that none of them is lost."
        warn(f"{path} contradicts its images at {len(wrong)} labels: {text} {times}. {advice}")


def _read_labels(path: Path) -> np.ndarray:
    """A label image, (z, y, x) int; a 2D image gets one plane."""
    try:
        with collect_complaints():
            labels = tifffile.imread(path)
    except Exception as error:  # tifffile and its codecs raise many kinds when a file is damaged
        raise refuse(path, "A label image must be a TIFF file", error) from error
    if labels.ndim not in (2, 3) or labels.dtype.kind not in "iu":
        raise make_error("label image", path, ndim=labels.ndim, dtype=labels.dtype)
    return labels if labels.ndim == 3 else labels[None]


def _make_links(
    rows_of: dict[int, list[int]], time_points: list[int], said: _Said, path: Path
) -> list[tuple[int, int]]:
    """Rows of the two ends; the rows of a label are in order of time."""
    links = [link for rows in rows_of.values() for link in zip(rows, rows[1:], strict=False)]
    children = [label for label, (_, _, parent) in said.items() if parent and rows_of[label]]
    for label in children:
        first, before = rows_of[label][0], rows_of[parent := said[label][2]]
        if not before or time_points[before[-1]] >= time_points[first]:
            raise make_error("CTC parent", path, label=label, parent=parent)
        links.append((before[-1], first))
    return links


def _label_tracks(annotations: Annotations, folder: Path) -> tuple[np.ndarray, list[str]]:
    """A label for each position, (n,) int, and the lines "label begin end parent"."""
    times = annotations.time_points
    # A label is seen at all of its time points: tracks are parted where they skip one
    tracks = []
    for rows in annotations.tracks():
        tracks += np.split(rows, np.flatnonzero(np.diff(times[rows]) > 1) + 1)
    if len(tracks) > _LARGEST_LABEL:
        raise make_error("labels too many", folder, most=_LARGEST_LABEL, count=len(tracks))
    labels, lines = np.zeros(len(annotations), dtype=np.uint16), []
    source_of = dict(annotations.links[:, ::-1].tolist())
    for label, rows in enumerate(tracks, start=1):  # in order of time: parents have theirs
        labels[rows] = label
        parent = labels[source_of[rows[0]]] if rows[0] in source_of else 0
        lines.append(f"{label} {times[rows[0]]} {times[rows[-1]]} {parent}\n")
    return labels, lines


def _draw_balls(
    annotations: Annotations, rows: np.ndarray, labels: np.ndarray, shape: tuple, radius_um: float
) -> np.ndarray:
    """A label image, (z, y, x) uint16: near voxels have the label of the nearest position."""
    positions, positions_um = annotations.positions[rows], annotations.positions_um[rows]
    image = np.zeros(shape, dtype=np.uint16)
    if len(positions) == 0:
        return image
    radius, boxes = radius_um / np.array(annotations.spacing_um), []
    for position in positions:
        low = np.maximum(np.ceil(position - radius), 0).astype(int)
        high = np.minimum(np.floor(position + radius) + 1, shape).astype(int)
        box = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1)
        boxes.append(box.reshape(-1, 3))
    voxels = np.unique(np.concatenate(boxes), axis=0)
    distances_um, nearest = KDTree(positions_um).query(voxels * annotations.spacing_um)
    near = distances_um <= radius_um
    image[tuple(voxels[near].T)] = labels[nearest[near]]
    image[tuple(_voxels(positions).T)] = labels  # at least one voxel each, however small the ball
    return image


def _voxels(positions: np.ndarray) -> np.ndarray:
    """The voxel in which each position lies, (n, 3) int."""
    return np.floor(positions + 0.5).astype(int)


def _check_can_be_written(
    annotations: Annotations, shape_zyx: tuple, time_points: range | None, folder: Path
) -> None:
    """Links go forward; every position (none NaN) lies in the movie and has a voxel of its own."""
    before, after = annotations.time_points[annotations.links].T.reshape(2, -1)
    for link in np.flatnonzero(after <= before)[:1]:
        times = {"before": before[link], "after": after[link]}
        raise make_error("link forward", folder, link=link, **times)
    positions, times = annotations.positions, annotations.time_points
    inside = ((positions >= -0.5) & (positions < np.array(shape_zyx) - 0.5)).all(axis=1)
    for row in np.flatnonzero(~inside)[:1]:
        position = _describe(annotations, row)
        raise make_error("position inside", folder, position=position, shape=tuple(shape_zyx))
    _, first = np.unique(np.column_stack([times, _voxels(positions)]), axis=0, return_index=True)
    for row in np.setdiff1d(np.arange(len(positions)), first)[:1]:
        raise make_error("voxel taken", folder, position=_describe(annotations, row))
    for time_point in annotations.annotated_time_points.tolist():
        if time_point not in (counted := time_points or _COUNTED):
            raise make_error("time counted", folder, time_point=time_point, counted=counted)


def _describe(annotations: Annotations, row: int) -> str:
    position = ", ".join(f"{value:g}" for value in annotations.positions[row])
    return f"position {row} at time point {annotations.time_points[row]}, z, y, x = {position}"
