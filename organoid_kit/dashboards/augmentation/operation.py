"""One way to vary examples, as a checkbox with its range."""

import json
from dataclasses import dataclass
from pathlib import Path

import ipywidgets as widgets
from ipywidgets import HTML, Checkbox, Layout, VBox, Widget

from organoid_kit.base import AugmentationSettings
from organoid_kit.dashboards.parts.common import WIDE, make_message, make_tooltip, mark, wrap_row

Setting = bool | float | tuple[float, float] | None


@dataclass(frozen=True)
class Kind:
    """How an operation is called and where its slider ends."""

    label: str
    meaning: str  # said where one points at it
    ends: tuple[float, float] | None  # of the slider; None: there is only on and off
    step: float = 0.05  # of the slider; a whole one makes whole numbers
    is_range: bool = False  # whether it has a lowest and a highest value, or only a highest
    networks: tuple[str, ...] = ("position", "division", "link")  # whose examples it varies


_KINDS = json.loads(Path(__file__).with_name("operations.json").read_text("utf-8"))
OPERATIONS = {name: Kind(**values) for name, values in _KINDS.items()}


def list_operations(network: str) -> list[str]:
    """Names of the operations that vary examples of a network, as in `AugmentationSettings`."""
    return [name for name, kind in OPERATIONS.items() if network in kind.networks]


class Operation(VBox):
    """A checkbox `on` with a slider `range`, where there is one, and a warning below.

    Where the `setting` at first is None or False it is off, and the slider shows the usual range.
    """

    def __init__(self, name: str, setting: Setting) -> None:
        kind, self.warning = OPERATIONS[name], HTML(layout=Layout(max_width="480px"))
        look = {"indent": False, "layout": Layout(width="245px")}
        tip = make_tooltip(kind.meaning)
        self.on = Checkbox(bool(setting), description=kind.label, **tip, **look)
        self.range = _make_slider(kind, setting or getattr(AugmentationSettings(), name))
        row = [self.on, self.range] if self.range else [self.on]
        super().__init__([wrap_row(*row), self.warning])
        mark(self, f"ok-{name.replace('_', '-')}")

    @property
    def setting(self) -> Setting:
        """For `AugmentationSettings`: what is chosen, None or False where it is off."""
        if self.range is None:
            return self.on.value
        return _tidy(self.range.value) if self.on.value else None

    @setting.setter
    def setting(self, value: Setting) -> None:
        """Puts another setting on the controls."""
        if value and self.range is not None:
            self.range.value = value
        self.on.value = bool(value)

    def warn(self, text: str | None) -> None:
        """Shows a warning, or takes it away."""
        self.warning.value = make_message("warn", text) if text else ""


def _tidy(value: float | tuple[float, float]) -> float | tuple[float, float]:
    """0.6 where the slider of a browser says 0.6000000000000001: it counts in steps."""
    return tuple(map(_tidy, value)) if isinstance(value, tuple) else round(value, 9)


def _make_slider(kind: Kind, value: float | tuple[float, float]) -> Widget | None:
    """The slider of an operation; it reaches as far as the value that it has."""
    if kind.ends is None:
        return None
    low, high = value if kind.is_range else (value, value)
    limits = {"min": min(kind.ends[0], low), "max": max(kind.ends[1], high), "step": kind.step}
    look = {"style": WIDE, "layout": Layout(width="275px"), **make_tooltip(kind.meaning)}
    if kind.is_range:
        return widgets.FloatRangeSlider(value=value, description="range", **limits, **look)
    make = widgets.IntSlider if isinstance(kind.step, int) else widgets.FloatSlider
    return make(value=value, description="at most", **limits, **look)
