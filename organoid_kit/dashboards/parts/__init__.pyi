"""What this room offers; each is loaded when it is first asked for."""

from . import common, dashboard, errors, kernel_waiting, svg
from .common import CheckboxGroup, add_controls, fit, make_status, wrap_row
from .dashboard import Dashboard
from .errors import make_error, refuse_if

__all__ = [
    "CheckboxGroup",
    "Dashboard",
    "add_controls",
    "common",
    "dashboard",
    "errors",
    "fit",
    "kernel_waiting",
    "make_error",
    "make_status",
    "refuse_if",
    "svg",
    "wrap_row",
]
