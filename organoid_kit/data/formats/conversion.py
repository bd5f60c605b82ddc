"""What readers of other programs' files share: µm become voxels, ids become rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from organoid_kit.base import UserError
from organoid_kit.data.units import check_spacing


def to_voxels(
    positions_um: Sequence[Sequence[float]], spacing_um: Sequence[float] | None, received: str
) -> np.ndarray:
    """Positions in voxels, (n, 3) float, zyx. Raises UserError where there is no spacing."""
    if spacing_um is None:
        raise UserError(
            f"Positions in µm need the spacing of the movie. Received: {received}. "
            "Pass spacing_um=(z, y, x), µm per voxel."
        )
    return np.array(positions_um, dtype=float).reshape(-1, 3) / check_spacing(spacing_um)


def to_links(
    edges: Sequence[tuple[Any, Any]],
    row_of: Mapping[Any, int],
    time_points: Sequence[int],
    path: str | Path,
) -> np.ndarray:
    """Rows of the two ends of each edge, the earlier first, (m, 2) int.

    Args:
        edges: pairs of ids.
        row_of: id → row.
        time_points: of the rows.
    """
    for source, target in edges:
        if source not in row_of or target not in row_of:
            raise UserError(
                "A link must join two positions of the file. Received: a link from spot "
                f"{source} to {target} in {str(path)!r}. It may be damaged: open it in the program "
                "that it comes from and save it again."
            )
    links = np.array([[row_of[end] for end in edge] for edge in edges], dtype=int).reshape(-1, 2)
    before, after = np.asarray(time_points, dtype=int)[links].T
    links[before > after] = links[before > after, ::-1]
    return links
