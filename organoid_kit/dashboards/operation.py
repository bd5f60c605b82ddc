"""One way to vary examples, as a checkbox with its range."""

from __future__ import annotations

import html
from dataclasses import dataclass

from ipywidgets import HTML, Checkbox, FloatRangeSlider, FloatSlider, HBox, IntSlider, Layout, VBox

from organoid_kit.base.settings import AugmentationSettings
from organoid_kit.dashboards.common import INK, KINDS, WIDE, make_tooltip, mark


@dataclass(frozen=True)
class Kind:
    """How an operation is called and where its slider ends.

    Attributes:
        label: beside the checkbox.
        meaning: said where one points at it.
        ends: lowest and highest value of the slider; None: there is only on and off.
        step: of the slider; a whole one makes whole numbers.
        is_range: whether it has a lowest and a highest value, or the most only.
    """

    label: str
    meaning: str
    ends: tuple[float, float] | None
    step: float = 0.05
    is_range: bool = False


OPERATIONS = {
    "flip": Kind("Flip", "Mirrors rows and columns, each for every other example.", None),
    "rotation_degrees": Kind("Rotation, up to (°)", "In the plane, either way.", (5, 180), 5.0),
    "scale": Kind(
        "Scale", "In the plane; 1.25 shows nuclei 1.25 times larger.", (0.4, 2.5), is_range=True
    ),
    "brightness": Kind("Brightness", "Factor on all intensities.", (0.05, 3.0), is_range=True),
    "contrast": Kind(
        "Contrast", "Factor on the distance to the mean of the patch.", (0.05, 3.0), is_range=True
    ),
    "gamma": Kind("Gamma", "Exponent: above 1, dim parts get darker.", (0.2, 4.0), is_range=True),
    "depth_dimming": Kind(
        "Dimming with depth, up to", "Part of its light that the deepest plane loses.", (0.05, 1.0)
    ),
    "noise": Kind(
        "Noise, up to", "Standard deviation, where bright nuclei are 1.", (0.02, 1.0), 0.02
    ),
    "blur_px": Kind("Blur, up to (pixels)", "Standard deviation, in the plane.", (0.1, 6.0), 0.1),
    "jitter_um": Kind(
        "Off the middle, up to (µm)", "Nuclei do not stand quite in the middle.", (0.1, 6.0), 0.1
    ),
    "paste": Kind(
        "Pasted surroundings", "Part of the crops with the surroundings of another.", (0.05, 1.0)
    ),
    "skip": Kind("Time points at once, up to", "As if nuclei moved faster.", (1, 4), 1),
    "drift_um": Kind(
        "Drift of the sample, up to (µm)",
        "The sample moves by so much more between both.",
        (0.5, 12.0),
        0.5,
    ),
    "turn_degrees": Kind(
        "Turn of the sample, up to (°)", "In the plane, between both.", (1, 90), 1.0
    ),
}
_OF_CROPS = ("jitter_um", "paste", "skip", "drift_um", "turn_degrees")
_OF_NETWORKS = {
    "position": (),
    "division": ("jitter_um", "paste"),
    "link": ("jitter_um", "skip", "drift_um", "turn_degrees"),
}


def list_operations(network: str) -> list[str]:
    """Names of the operations that vary examples of a network, as in `AugmentationSettings`."""
    return [name for name in OPERATIONS if name not in _OF_CROPS or name in _OF_NETWORKS[network]]


class Operation(VBox):
    """A checkbox with a slider, and a warning below where there is one.

    Args:
        name: as in `AugmentationSettings`.
        setting: what it has at first; None or False: it is off, and the slider shows the usual
            range.

    Attributes:
        on: checkbox.
        range: slider; None where there is only on and off.
        warning: HTML.
    """

    def __init__(self, name: str, setting: bool | float | tuple[float, float] | None) -> None:
        kind, self.name = OPERATIONS[name], name
        self.on = Checkbox(
            value=bool(setting),
            description=kind.label,
            **make_tooltip(kind.meaning),
            indent=False,
            layout=Layout(width="245px"),
        )
        self.range = _make_slider(kind, setting or getattr(AugmentationSettings(), name))
        self.warning = HTML()
        row = [self.on] if self.range is None else [self.on, self.range]
        super().__init__([HBox(row, layout=Layout(flex_flow="row wrap")), self.warning])
        mark(self, f"ok-{name.replace('_', '-')}")

    @property
    def setting(self) -> bool | float | tuple[float, float] | None:
        """For `AugmentationSettings`: what is chosen, None or False where it is off."""
        if self.range is None:
            return self.on.value
        return _tidy(self.range.value) if self.on.value else None

    @setting.setter
    def setting(self, value: bool | float | tuple[float, float] | None) -> None:
        """Puts another setting on the controls."""
        if value and self.range is not None:
            self.range.value = value
        self.on.value = bool(value)

    def warn(self, text: str | None) -> None:
        """Shows a warning, or takes it away."""
        ground, bar, word = KINDS["warn"]
        style = f"background:{ground};color:{INK};border-left:4px solid {bar};padding:2px 8px;line-height:1.35"
        shown = f'<div role="alert" style="{style};max-width:480px">{word}{html.escape(text or "")}</div>'
        self.warning.value = shown if text else ""


def _tidy(value: float | tuple[float, float]) -> float | tuple[float, float]:
    """0.6 where the slider of a browser says 0.6000000000000001: it counts in steps."""
    return tuple(map(_tidy, value)) if isinstance(value, tuple) else round(value, 9)


def _make_slider(
    kind: Kind, value: float | tuple[float, float]
) -> IntSlider | FloatSlider | FloatRangeSlider | None:
    """The slider of an operation; it reaches as far as the value that it has."""
    if kind.ends is None:
        return None
    values = value if kind.is_range else (value, value)
    options = {
        "value": value,
        "min": min(kind.ends[0], values[0]),
        "max": max(kind.ends[1], values[1]),
        "step": kind.step,
        "description": "range" if kind.is_range else "at most",
        **make_tooltip(kind.meaning),
        "style": WIDE,
        "layout": Layout(width="275px"),
    }
    if kind.is_range:
        return FloatRangeSlider(**options)
    return IntSlider(**options) if isinstance(kind.step, int) else FloatSlider(**options)
