"""Errors that a user can mend: their texts stand in `errors.json`, the code says when they apply."""

from pathlib import Path
from typing import Any

from organoid_kit.base import UserError, files

_ERRORS = files.read_json(Path(__file__).with_name("errors.json"))


def make_error(error: str, /, **values: Any) -> UserError:
    """One of the errors in `errors.json`."""
    return UserError(_ERRORS[error].format(**values))


def refuse_if(wrong: Any, error: str, /, **values: Any) -> None:
    """Raises one of these errors if something is wrong."""
    if wrong:
        raise make_error(error, **values)
