"""Columns of other programs' tables: TrackMate's spots, Fiji's results, Imaris' positions, and what
people make in a spreadsheet. What headings do not say, the unit above all, the user must.

TrackMate has three rows below its headings: names, short names, units. Fiji counts slices and
frames from 1, Imaris time points; both measure from the corner of the image, half a voxel before
the centre of the first voxel.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from organoid_kit.base import make_error, refuse_if
from organoid_kit.data.conversion import to_um

_VOXELS = {"px", "pixel", "pixels", "voxel", "voxels"}
_DIGIT = re.compile("[0-9]")
_CALLED = {  # as others call our columns, small letters and digits only; the first counts
    **{a: (f"position{a}", f"pos{a}", f"centroid{a}", f"{a}m", a) for a in "zyx"},
    "time": ("timepoint", "frame", "timeindex", "time", "t"),
    "id": ("id", "spotid"),
    "track": ("trackid", "track", "tracknumber"),
    "parent": ("parenttrackid", "parenttrack"),
}
_NUMBERED = re.compile("(centroid|axis)-[0-3]")  # of scikit-image, and of napari's points


@dataclass(frozen=True)
class Columns:
    """Which columns say what, by their names in the table; None where none does."""

    zyx: tuple[str | None, str, str]
    time: str | None
    id: str | None
    track: str | None
    parent: str | None  # of the track
    um: float | None  # per unit of the coordinates; None: voxels
    rows_below: int  # of headings, below the names of the columns
    from_corner: bool  # whether coordinates count from the corner of the image, time points from 1


def find_columns(
    header: Sequence[str], rows: Sequence[dict[str, str]], units: str | None, path: str | Path
) -> Columns:
    """The columns of a table; `units`, um or voxels, counts first. UserError if one is missing."""
    said = {}
    for name in reversed(header):  # x_um, X (µm) → x, X and their unit
        match = re.fullmatch(r"(.+?)[\s_(\[]+([^\W_]+)[)\]]?", name)
        base, unit = match.groups() if match and _is_unit(match[2]) else (name, None)
        said[re.sub("[^a-z0-9]", "", base.lower())] = (name, unit)
    found = {
        ours: next((said[name] for name in names if name in said), (None, None))
        for ours, names in _CALLED.items()
    }
    if set(header) >= {"time_point", *"zyx"}:
        found |= {axis: (axis, "voxel") for axis in "zyx"}
    if set(header) >= {"ID", "parent", "root"}:  # btrack
        found |= {"id": (None, None), "track": ("ID", None), "parent": ("parent", None)}
    if not found["x"][0]:  # the last one is
        numbered = sorted(filter(_NUMBERED.fullmatch, header), reverse=True)
        found |= {letter: (name, None) for letter, name in zip(("x", "y", "z", "time"), numbered)}
    (z, _), (y, _), (x, unit) = (found[axis] for axis in "zyx")
    fiji, time = not {"Slice", "Area", "Ch"}.isdisjoint(header), found["time"][0]
    no_time = fiji and not re.search("time|frame", " ".join(header).lower())  # one stack
    if not (x and y and (time or no_time)) or (time == "time_point" and not z):
        raise make_error("table columns", path, found=", ".join(header) or "no columns")
    below = [row[x] for row in rows[:3] if x == "POSITION_X" and not _DIGIT.search(row[x])]
    cells = [cell.strip("() ") for cell in below] + [row.get("Unit", "") for row in rows[:1]]
    unit = units or unit or next(filter(_is_unit, cells), "")
    refuse_if(not _is_unit(unit), "table unit", path, y=y, x=x)
    return Columns(
        zyx=(z or ("Slice" if "Slice" in header else None), y, x),
        time=time,
        id=found["id"][0],
        track=found["track"][0],
        parent=found["parent"][0],
        um=to_um(1.0, unit),
        rows_below=len(below),
        from_corner=fiji or "Position X" in header,
    )


def link_by_track(
    tracks: Sequence[str], times: Sequence[int], parents: Sequence[str]
) -> tuple[list[tuple[int, int]], int]:
    """Links (pairs of rows) of positions alone in their track at a time, and from the end of a
    track's parent to its beginning; tracks with several.
    """
    rows_of = defaultdict(lambda: defaultdict(list))
    for row, (track, time) in enumerate(zip(tracks, times, strict=True)):
        if track not in ("", "None", "-1"):
            rows_of[track][time].append(row)
    runs = {track: [rows[time] for time in sorted(rows)] for track, rows in rows_of.items()}
    pairs = [pair for rows in runs.values() for pair in zip(rows, rows[1:], strict=False)]
    for track, parent in dict(zip(tracks, parents)).items():
        if track in runs and parent in runs and max(rows_of[parent]) < min(rows_of[track]):
            pairs.append((runs[parent][-1], runs[track][0]))
    several = sum(any(len(there) > 1 for there in rows) for rows in runs.values())
    return [(*a, *b) for a, b in pairs if len(a) == len(b) == 1], several


def _is_unit(text: str) -> bool:
    return text.lower() in _VOXELS or to_um(1.0, text) is not None
