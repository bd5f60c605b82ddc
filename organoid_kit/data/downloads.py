"""Movies that do not come with the package: the bundled samples, and a real organoid.

The latter is the example data of LSTree (https://github.com/fmi-basel/LSTree, MIT licence): mouse
intestinal organoid, nuclei labelled with H2B, light-sheet microscope. Credit it wherever it is
shown: de Medeiros, Ortiz et al., Multiscale light-sheet organoid imaging framework, Nature
Communications 2022.
"""

from pathlib import Path

import numpy as np
import pooch

from organoid_kit.base import make_error
from organoid_kit.base.files import read_json
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.data.formats.trackmate import read_trackmate
from organoid_kit.data.timelapse import read_timelapse

SAMPLES = (
    *("settings.json", "settings_division.json", "settings_link.json"),
    *(f"organoid_{letter}{end}" for letter in "abcd" for end in (".aut", ".ome.tif")),
    *(f"{part}.autlist" for part in ("training", "validation", "test")),
)
SAMPLES_URL = "https://raw.githubusercontent.com/organoid-kit/organoid_kit/main/data_samples/"
# Where it comes from; where each file goes → where it lies there, SHA-256
_REAL_ORGANOID = read_json(Path(__file__).with_name("real_organoid.json"))
REAL_ORGANOID_URL, REAL_ORGANOID_CREDIT, _REAL_ORGANOID_FILES = _REAL_ORGANOID.values()
REAL_ORGANOID_SPACING_UM = (2.0, 0.26, 0.26)
_REAL_ORGANOID_PATTERN = "P4_Ch1-T{time:04}.tif"


def find_samples(folder: str | Path | None = None, *, url: str = SAMPLES_URL) -> Path:
    """The folder with the bundled movies, downloaded (18 MB) to it where they are not there; None:
    the checkout that the package lies in, a folder above this one, or else ``data_samples`` here.
    """
    # Notebooks lie in subfolders
    near = (Path(__file__).parents[2], *Path.cwd().parents[:2]) if folder is None else ()
    wanted = Path(folder or "data_samples").absolute()
    for place in (*(place / "data_samples" for place in near), wanted):
        if all((place / name).is_file() for name in SAMPLES):
            return place
    _download({name: (name, None) for name in SAMPLES}, wanted, url)
    return wanted


def download_real_organoid(folder: str | Path, *, url: str = REAL_ORGANOID_URL) -> Path:
    """Puts the real organoid (three annotated stacks, 11 MB) in a folder; returns the folder."""
    folder = Path(folder).absolute()
    _download(_REAL_ORGANOID_FILES, folder, url)
    return folder


def read_real_organoid(folder: str | Path) -> AnnotatedMovie:
    """The real organoid, as its authors curated it, as far as there are images (76 positions)."""
    folder = Path(folder)
    sizes = {"spacing_um": REAL_ORGANOID_SPACING_UM, "minutes_per_time_point": 10.0}
    options = {"pattern": _REAL_ORGANOID_PATTERN, "axes": "zyx", "name": "real organoid"}
    movie = read_timelapse(folder / "images", **options, **sizes)
    xml = folder / "mamut_deconv.xml"  # counts time points from 0, the files from 1
    annotations = read_trackmate(xml, time_point_offset=1, **sizes)
    seen = np.isin(annotations.time_points, movie.time_points)
    return AnnotatedMovie(movie, annotations.select(seen), _REAL_ORGANOID_PATTERN)


def _download(files: dict[str, tuple[str, str | None]], folder: Path, url: str) -> None:
    """Fetches what is not there yet, or not intact; progress is shown."""
    store = pooch.create(
        folder,
        base_url=url,
        registry={name: checksum for name, (_, checksum) in files.items()},
        urls={name: url + source for name, (source, _) in files.items()},
        retry_if_failed=1,
    )
    for name in files:
        try:
            store.fetch(name, progressbar=True)
        except (OSError, ValueError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            file = {"name": name, "url": url, "reason": reason}
            raise make_error("file downloaded", folder, **file) from error
