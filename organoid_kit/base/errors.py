"""The exception for mistakes a user can mend; any other exception is a bug of ours. What it says
stands in the `errors.json` of each room, and the code says when it applies.
"""

import json
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[1]


class UserError(ValueError):
    """Something in the user's files or settings must change; the message says what and how."""


class MissingSpacing(UserError):
    """Positions in µm cannot become voxels: neither their file nor anyone else says how large these are."""


@cache
def _read_texts() -> dict[str, str]:
    """Those of all rooms, by their names."""
    files = sorted(_PACKAGE.rglob("errors.json"))
    return {name: text for file in files for name, text in json.loads(file.read_bytes()).items()}


def make_error(error: str, where: Any = "", /, **values: Any) -> UserError:
    """One of the errors in `errors.json`, to be raised; `where` is its file or place, if any."""
    return UserError(_read_texts()[error].format(where=str(where), **values))


def refuse_if(wrong: Any, error: str, where: Any = "", /, **values: Any) -> None:
    """Raises one of these errors if something is wrong."""
    if wrong:
        raise make_error(error, where, **values)


def refuse(path: Any, rule: str, received: Any, advice: str = "") -> UserError:
    """The error, to be raised, of a file (or of what has no path: None) that breaks a rule."""
    advice = advice or "Repair it or take it from its source again."
    where = "" if path is None else f"{str(path)!r}: "
    return UserError(f"{rule}. Received: {where}{received}. {advice}")


def warn(message: str) -> None:
    """Warns at the user's line: the first outside the kit that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_code.co_filename.startswith(str(_PACKAGE)) and frame.f_back:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
