"""The exception for mistakes a user can mend; any other exception is a bug of ours."""

import sys
import warnings
from pathlib import Path
from typing import Any

_PACKAGE = str(Path(__file__).parents[1])


class UserError(ValueError):
    """Something in the user's files or settings must change; the message says what and how."""


class MissingSpacing(UserError):
    """Positions in µm cannot become voxels: neither their file nor anyone else says how large these are."""


def refuse(
    path: Any, rule: str, received: Any, advice: str = "Repair it or take it from its source again."
) -> UserError:
    """The error, to be raised, of a file that breaks a rule."""
    return UserError(f"{rule}. Received: {str(path)!r}: {received}. {advice}")


def warn(message: str) -> None:
    """Warns at the user's line: the first outside the kit that led here."""
    frame, level = sys._getframe(1), 2
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)
