"""What several commands do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from organoid_kit.base.errors import UserError
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.formats import read_annotations
from organoid_kit.data.timelapse import TimeLapse


def read_positions(
    path: Path, spacing_um: tuple[float, ...] | None, time_point_offset: int = 0
) -> Annotations:
    """Annotations of any format, with the options it takes; the spacing is that stated where the
    file has none.
    """
    suffix, stated = path.suffix.lower(), {}
    if spacing_um and suffix not in (".aut", ".json"):
        stated["spacing_um"] = spacing_um
    if suffix == ".xml":
        stated["time_point_offset"] = time_point_offset
    return read_annotations(path, **stated).with_spacing(spacing_um)


def find_spacing(path: Path) -> tuple[float, ...] | None:
    """As the file itself says; of the formats, only .aut and GEFF do."""
    try:
        return (
            read_annotations(path).spacing_um
            if path.suffix.lower() in (".aut", ".json", ".geff", ".zarr")
            else None
        )
    except (
        UserError
    ):  # a GEFF in µm that lacks it; what else is wrong is said when the file is read
        return None


def require_channels(movies: Iterable[TimeLapse]) -> None:
    """Refuses to guess which of several channels shows nuclei."""
    for movie in movies:
        if len(movie.channel_names) > 1:
            names = ", ".join(
                f"{number} ({name})" for number, name in enumerate(movie.channel_names, start=1)
            )
            raise UserError(
                "The channel with nuclei must be named where a movie has several. Received: no --channels for "
                f"{movie.name!r} with channels {names}. Add --channels 1, say, or --channels 1,2 for their sum."
            )


def load_keras() -> None:
    """Loads Keras without what TensorFlow says of itself while it is loaded; no setting of its own
    silences that.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"Networks need Keras and TensorFlow. Received: {error}. Install them: pip install tensorflow."
        ) from error
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
