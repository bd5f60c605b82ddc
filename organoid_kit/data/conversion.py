"""What files say, in our terms: units become µm and minutes, µm voxels, ids rows."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import errors, files, make_error

_UNITS = files.read_json(Path(__file__).with_name("units.json"))  # how many µm or minutes each is


def to_um(value: float | None, unit: str | None) -> float | None:
    """A length in µm, or None where value or unit do not say."""
    return _convert(value, unit, _UNITS["um"])


def to_minutes(value: float | None, unit: str | None) -> float | None:
    """A duration in minutes, or None where value or unit do not say."""
    return _convert(value, unit, _UNITS["minutes"])


def _convert(value: float | None, unit: str | None, table: dict[str, float]) -> float | None:
    """ImageJ escapes its µ, Unicode has two of them, and metre has two spellings and a plural."""
    name = (unit or "").replace("\\u00B5", "µ").strip().lower().replace("μ", "µ")
    name = name.replace("metre", "meter").removesuffix(".")
    singulars = (name, name.removesuffix("s"), name.removesuffix("es"))
    factor = next((table[word] for word in singulars if word in table), 0)
    try:
        number = float(value or 0) * factor
    except (TypeError, ValueError):
        return None
    return number if 0 < number < math.inf else None


def check_spacing(spacing_um: Sequence[float]) -> tuple[float, float, float]:
    """A spacing as the user passes it, zyx. Raises UserError where it is not positive."""
    spacing = tuple(float(value) for value in spacing_um)
    if len(spacing) != 3 or not all(0 < value < math.inf for value in spacing):
        raise make_error("spacing stated", spacing_um=tuple(spacing_um))
    return spacing


def ignore_default_spacing(spacing_um: Sequence[float | None]) -> tuple[float | None, ...]:
    """A spacing (zyx) without its unit: programs that do not know it write 1 in y and x."""
    z, y, x = spacing_um
    return (z, None, None) if (y, x) == (1.0, 1.0) else (z, y, x)


def to_voxels(
    positions_um: Sequence[Sequence[float]],
    spacing_um: Sequence[float] | None,
    received: str,
    path: str | Path,
) -> np.ndarray:
    """Positions in voxels, (n, 3) float, zyx. Raises MissingSpacing where there is none."""
    if spacing_um is None:
        raise errors.MissingSpacing(str(make_error("spacing for movie", path, received=received)))
    return np.array(positions_um, dtype=float).reshape(-1, 3) / check_spacing(spacing_um)


def to_links(
    edges: Sequence[tuple[Any, Any]],
    row_of: Mapping[Any, int],
    time_points: Sequence[int],
    path: str | Path,
) -> np.ndarray:
    """Rows of the two ends, the earlier first, (m, 2) int, of pairs of ids."""
    for source, target in edges:
        if source not in row_of or target not in row_of:
            raise make_error("link of spots", path, source=source, target=target)
    links = np.array([[row_of[end] for end in edge] for edge in edges], dtype=int).reshape(-1, 2)
    before, after = np.asarray(time_points, dtype=int)[links].T
    links[before > after] = links[before > after, ::-1]
    return links
