"""Where results go: for each movie a file that does not exist yet, of a format known before the
work begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import make_file_name

SUFFIXES = (
    ".aut",
    ".csv",
    ".geff",
    ".zarr",
)  # what is written, and a Cell Tracking Challenge folder without suffix
FORMATS = {"aut": ".aut", "csv": ".csv", "geff": ".geff", "ctc": ""}


def choose_outputs(output: Path, names: Sequence[str], form: str | None = None) -> list[Path]:
    """A file for each movie: the one named, or one for each in the folder named.

    Args:
        output: with a suffix, of the only file; a folder for files otherwise.
        names: of the movies.
        form: one of `FORMATS`; None: as the suffix says, .aut in a folder.

    Raises:
        UserError: one exists already, several movies would share one, or it cannot be written.
    """
    suffix = _choose_suffix(output, form)
    alone = output.suffix or (suffix == "" and len(names) == 1)
    paths = (
        [output] * len(names)
        if alone
        else [output / f"{make_file_name(name)}{suffix}" for name in names]
    )
    for path in paths:
        if path.exists() or len(set(paths)) < len(paths):
            raise UserError(
                f"Each movie needs a file of its own that does not exist yet. Received: {str(path)!r} for "
                f"{', '.join(names)}. Choose another --output; one without suffix is a folder, with a file for each "
                "movie."
            )
    return paths


def _choose_suffix(output: Path, form: str | None) -> str:
    """Of the files. Says before the work, not after it, that they cannot be written."""
    stated = output.suffix.lower()
    suffix = stated or FORMATS[form or "aut"]
    if stated and stated not in SUFFIXES:
        raise UserError(
            f"Results are written as {', '.join(SUFFIXES)}, or into a folder. Received: --output {str(output)!r} "
            "with another suffix. Choose one of these, or a folder without a dot in its name."
        )
    if form and suffix != FORMATS[form]:
        raise UserError(
            f"The suffix of --output must agree with --format. Received: {str(output)!r} and --format {form}. "
            "Leave out --format, or name a folder without a dot in its name."
        )
    if suffix in (".geff", ".zarr") and find_spec("geff") is None:
        raise UserError(
            f"GEFF files need the geff library. Received: --output {str(output)!r} without it. "
            'Install it with: pip install "organoid-kit[formats]", or choose .aut.'
        )
    return suffix
