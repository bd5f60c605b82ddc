"""`convert`: annotations from one format to another, and what the other cannot hold."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import make_error, refuse_if
from organoid_kit.cli.files import choose_outputs, take_file_options, write_for_movie
from organoid_kit.data import Annotations, formats, read_timelapse

_NAMES = {".aut": "An .aut file", ".csv": "A table", ".xml": "A TrackMate file"}
_NAMES |= {".geff": "A GEFF", ".zarr": "A GEFF", "": "A Cell Tracking Challenge folder"}


def convert(
    source: Path, target: Path, images: Path | None = None, leave_out: bool = False, **reading: Any
) -> None:
    """Says what the target's format cannot hold, then writes it; links only with `leave_out`."""
    [path] = choose_outputs(target, [source.stem], None if target.suffix else "ctc")
    suffix, of_file = path.suffix.lower(), take_file_options(reading)
    movie = read_timelapse(images, **reading) if images else None
    spacing = movie.spacing_um if movie else reading.get("spacing_um")
    known = formats.read_for_movie(source, spacing, **of_file)
    known = dataclasses.replace(known, spacing_um=spacing or known.spacing_um)
    refuse_if(suffix == "" and movie is None, "label images size", path)
    if suffix in ("", ".xml") and known.spacing_um is None:
        raise make_error("format spacing", source, format_=_NAMES[suffix])
    known = fit_format(known, path, leave_out)
    write_for_movie(known, path, movie, of_file.get("time_point_offset", 0))
    print(f"{path}: {len(known)} positions, {len(known.links)} links")


def fit_format(known: Annotations, path: Path, leave_out: bool) -> Annotations:
    """Says what the path's format cannot hold; the annotations without links that have no place."""
    suffix = path.suffix.lower()
    lost, sentences = find_losses(known, suffix)
    for sentence in sentences:
        print(f"{_NAMES[suffix]}: {sentence}")
    refuse_if(len(lost) and not leave_out, "links lost", path, count=len(lost))
    return known.without_links(lost)


def find_losses(known: Annotations, suffix: str) -> tuple[np.ndarray, list[str]]:
    """Links that the format cannot hold, (k,) int; and in sentences all that it loses or changes."""
    gaps = np.diff(known.time_points[known.links], axis=1).ravel() != 1
    merging = np.isin(known.links[:, 1], known.merges())
    many = (known.links_forward() > 2).sum()
    alone = (known.links_forward() + known.links_backward() == 0).sum()
    counted = {
        ".aut": [
            ("links that skip time points", gaps.sum(), "there, links join consecutive ones"),
            ("divisions into three or more", many, "kept; OrganoidTracker lists them as errors"),
        ],
        ".xml": [("positions without a link", alone, "kept, but some programs leave them out")],
        "": [
            ("links that skip time points", gaps.sum(), "there, a new label begins behind each"),
            ("merges", len(known.merges()), "there, a label has one parent"),
            ("positions", len(known), "each becomes a ball, and is its centre when it is read"),
        ],
    }
    sentences = [f"{what}: {n}; {how}." for what, n, how in counted.get(suffix, ()) if n]
    columns = {*known.properties, *known.link_properties}
    if suffix == ".xml":
        tables = known.properties | known.link_properties
        columns -= {"id", "name", *formats.trackmate.select_features(tables)}
    facts = {".csv": ["extra"], ".xml": ["extra", "region", "known_um"]}
    facts[""] = [*facts[".xml"], "spacing_um"]
    stated = [name for name in facts.get(suffix, ()) if np.any(getattr(known, name))]
    lost = [*sorted(columns if suffix in (".xml", "") else ()), *stated]
    sentences += [f"no place for {', '.join(lost)}."] if lost else []
    return np.flatnonzero({".aut": gaps, "": merging}.get(suffix, [])), sentences
