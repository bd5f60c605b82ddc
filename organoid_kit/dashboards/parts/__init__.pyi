"""What this room offers; each is loaded when it is first asked for."""

from . import common, dashboard, kernel_waiting, svg
from .common import CheckboxGroup, add_controls, fit, make_status, wrap_row
from .dashboard import Dashboard

__all__ = [
    "CheckboxGroup",
    "Dashboard",
    "add_controls",
    "common",
    "dashboard",
    "fit",
    "kernel_waiting",
    "make_status",
    "svg",
    "wrap_row",
]
