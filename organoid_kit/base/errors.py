"""The exception for mistakes a user can mend; any other exception is a bug of ours."""

from typing import Any


class UserError(ValueError):
    """Something in the user's files or settings must change; the message says what and how."""


class MissingSpacing(UserError):
    """Positions in µm cannot become voxels: neither their file nor anyone else says how large these are."""


def refuse(
    path: Any, rule: str, received: Any, advice: str = "Repair it or take it from its source again."
) -> UserError:
    """The error, to be raised, of a file that breaks a rule."""
    return UserError(f"{rule}. Received: {str(path)!r}: {received}. {advice}")
