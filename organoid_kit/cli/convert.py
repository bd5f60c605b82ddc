"""`convert`: annotations from one format to another, and what the other cannot hold."""

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from organoid_kit.base import refuse
from organoid_kit.cli.files import choose_outputs, take_file_options
from organoid_kit.data import Annotations, read_timelapse, write_annotations
from organoid_kit.data.formats import add_track_ids, read_for_movie
from organoid_kit.data.formats.trackmate import select_features

_NAMES = {".aut": "An .aut file", ".csv": "A table", ".xml": "A TrackMate file"}
_NAMES |= {".geff": "A GEFF", ".zarr": "A GEFF", "": "A Cell Tracking Challenge folder"}


def convert(
    source: Path, target: Path, images: Path | None = None, leave_out: bool = False, **reading: Any
) -> None:
    """Says what the target's format cannot hold, then writes it; links only with `leave_out`."""
    [path] = choose_outputs(target, [source.stem], None if target.suffix else "ctc")
    suffix, of_file, shape = path.suffix.lower(), take_file_options(reading), {}
    movie = read_timelapse(images, **reading) if images else None
    spacing = movie.spacing_um if movie else reading.get("spacing_um")
    known = read_for_movie(source, spacing, **of_file)
    if suffix == "" and movie is None:
        rule, advice = "Label images are as large as the movie", "Add --images MOVIE."
        raise refuse(path, rule, "no --images", advice)
    if suffix in ("", ".xml") and known.spacing_um is None:
        advice = "Add --spacing z,y,x, in µm, or --images MOVIE."
        raise refuse(source, f"{_NAMES[suffix]} needs the spacing", "none", advice)
    lost = find_lost_links(known, suffix)
    for sentence in describe_losses(known, suffix):
        print(f"{_NAMES[suffix]}: {sentence}")
    if len(lost) and not leave_out:
        rule, advice = "All links must have a place", "Add --leave-out to write it without them."
        raise refuse(path, rule, f"{len(lost)} that have none, see above", advice)
    known = known.without_links(lost)
    if suffix == "":
        shape = {"shape_zyx": movie.shape_zyx, "time_points": movie.time_points}
    elif suffix == ".xml":
        shape["images"] = images if images and _opens_in_fiji(images) else None
        shape["time_point_offset"] = of_file.get("time_point_offset", 0)
    elif suffix == ".csv" and len(known.links):
        known = add_track_ids(known)
    write_annotations(known, path, **shape)
    print(f"{path}: {len(known)} positions, {len(known.links)} links")


def _opens_in_fiji(images: Path) -> bool:
    """Whether Fiji knows its axes without being asked: those of an ImageJ hyperstack."""
    try:
        with tifffile.TiffFile(images) as tif:
            return tif.is_imagej
    except (OSError, tifffile.TiffFileError):
        return False


def find_lost_links(known: Annotations, suffix: str) -> np.ndarray:
    """Links that the format of this suffix cannot hold, (k,) int."""
    lost = {".aut": _find_gaps(known), "": np.isin(known.links[:, 1], known.merges())}
    return np.flatnonzero(lost.get(suffix, []))


def _find_gaps(known: Annotations) -> np.ndarray:
    """Whether each link skips time points."""
    return np.diff(known.time_points[known.links], axis=1).ravel() != 1


def describe_losses(known: Annotations, suffix: str) -> list[str]:
    """What the format of this suffix cannot hold, or holds in another way, a sentence each."""
    gaps, merges, forward = _find_gaps(known).sum(), len(known.merges()), known.links_forward()
    many, alone = (forward > 2).sum(), (forward + known.links_backward() == 0).sum()
    counted = {
        ".aut": [
            ("links that skip time points", gaps, "there, links join consecutive ones"),
            ("divisions into three or more", many, "kept; OrganoidTracker lists them as errors"),
        ],
        ".xml": [("positions without a link", alone, "kept, but some programs leave them out")],
        "": [
            ("links that skip time points", gaps, "there, a new label begins behind each"),
            ("merges", merges, "there, a label has one parent"),
            ("positions", len(known), "each becomes a ball, and is its centre when it is read"),
        ],
    }
    sentences = [f"{what}: {n}; {how}." for what, n, how in counted.get(suffix, ()) if n]
    columns = {*known.properties, *known.link_properties}
    if suffix == ".xml":
        tables = known.properties | known.link_properties
        columns -= {"id", "name", *select_features(tables)}
    facts = {".csv": ["extra"], ".xml": ["extra", "region"], "": ["extra", "region", "spacing_um"]}
    stated = [name for name in facts.get(suffix, ()) if np.any(getattr(known, name))]
    lost = [*sorted(columns if suffix in (".xml", "") else ()), *stated]
    return sentences + ([f"no place for {', '.join(lost)}."] if lost else [])
