"""What this room offers; each is loaded when it is first asked for."""

from . import environment, errors, files, records, settings
from .errors import UserError, make_error, refuse, refuse_if, warn
from .files import find_free_path
from .settings import AugmentationSettings, NetworkSettings, make_settings, read_settings

__all__ = [
    "AugmentationSettings",
    "NetworkSettings",
    "UserError",
    "environment",
    "errors",
    "files",
    "find_free_path",
    "make_error",
    "make_settings",
    "read_settings",
    "records",
    "refuse",
    "refuse_if",
    "settings",
    "warn",
]
