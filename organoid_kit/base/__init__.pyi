"""What this room offers; each is loaded when it is first asked for."""

from . import environment, errors, files, records, settings
from .environment import check_environment
from .errors import UserError, refuse, warn
from .files import find_free_path
from .settings import (
    AugmentationSettings,
    NetworkSettings,
    make_settings,
    read_settings,
    write_settings,
)

__all__ = [
    "AugmentationSettings",
    "NetworkSettings",
    "UserError",
    "check_environment",
    "environment",
    "errors",
    "files",
    "find_free_path",
    "make_settings",
    "read_settings",
    "records",
    "refuse",
    "settings",
    "warn",
    "write_settings",
]
