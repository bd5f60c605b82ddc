"""Before and after: what augmentation makes of an example, and what would go too far."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from ipywidgets import HTML, Checkbox, HBox, Layout, VBox, Widget

from organoid_kit.base import AugmentationSettings, NetworkSettings, files, refuse_if
from organoid_kit.dashboards.augmentation import advice, examples as previews
from organoid_kit.dashboards.parts import Dashboard, common, fit, svg
from organoid_kit.examples.batches import Movies
from organoid_kit.plots.drawing import Drawing, count

Setting = bool | float | tuple[float, float] | None
_MOST_MOVIES = 4  # are looked at for the warnings
_SEEDS = 10_000
# Of each network: longer side of a pane in pixels, what the examples are, and what one sees.
_SHOWN = files.read_json(Path(__file__).with_name("previews.json"))


class AugmentationPreview(Dashboard):
    """An example beside variations of it; each operation is switched on and off and has a range.

    `settings` says for which network, and where the controls stand at first. Raises UserError where
    the movies have nothing to learn from for this network.

    Attributes:
        operations: name, as in `AugmentationSettings` → checkbox `on` and slider `range`.
        example, variations, seed: which one is shown, how many variations of it, whose dice.
        new_seed, usual, nothing: buttons: another throw, all operations as usual, or off.
        warnings: what would teach something wrong, by the name of the operation.
    """

    kept = ("example", "variations", "seed")

    def __init__(self, annotated_movies: Movies, settings: NetworkSettings) -> None:
        refuse_if(not annotated_movies, "preview")
        super().__init__()
        self._examples = previews.make_preview_examples(annotated_movies, settings)
        self._facts = advice.measure_example_facts(annotated_movies[:_MOST_MOVIES], settings)
        self._start, self._network = settings.augmentation, settings.network
        self.warnings: dict[str, str] = {}
        self._busy, self._shown = False, None
        self._make_controls(settings)
        self._arrange()
        self._connect(self._show, *self._kept.values())
        self._watch(self._show)()

    @property
    def settings(self) -> AugmentationSettings:
        """What is chosen; what this network does not use stays as it was."""
        chosen = {name: operation.setting for name, operation in self.operations.items()}
        return dataclasses.replace(self._start, **chosen)

    @settings.setter
    def settings(self, chosen: AugmentationSettings) -> None:
        """Puts other settings on the controls."""
        self._start = chosen
        with self.at_once():
            for name, operation in self.operations.items():
                operation.setting = getattr(chosen, name)

    def describe(self) -> str:
        """What is shown, in words."""
        on = [each.label for each in self.operations.values() if each.on.value]
        varied = f"{count(self.variations.value, 'variation')} of it with seed {self.seed.value}"
        text = f"An example of the {self._network} network as it is, and {varied}. "
        text += f"Varied: {', '.join(on) or 'nothing'}."
        if warnings := self.warnings.values():
            text += f" {count(len(warnings), 'warning')}: {' '.join(warnings)}"
        return text

    def plot(self) -> Drawing:
        """The static twin: the same examples as a figure."""
        drawing = previews.plot_columns(self._make_columns(), self._examples.settings)
        return drawing.caption(f"{self.describe()} {drawing.description}")

    def _make_controls(self, settings: NetworkSettings) -> None:
        label, most = _SHOWN[self._network]["label"], previews.count_previews(self._examples)
        self._add_controls(
            "preview",
            example={"max": most, "description": label},
            seed={"value": settings.seed},
            new_seed=lambda: setattr(self.seed, "value", (self.seed.value + 1) % _SEEDS),
            usual=lambda: setattr(self, "settings", AugmentationSettings()),
            nothing=self._switch_off,
        )
        self.operations = {
            name: Operation(name, getattr(settings.augmentation, name))
            for name in advice.list_operations(self._network)
        }

    def _arrange(self) -> None:
        wrap = Layout(flex_flow="row wrap", align_items="center")
        top = Layout(flex_flow="row wrap", align_items="flex-start")
        operations, half = list(self.operations.values()), (len(self.operations) + 1) // 2
        margin, halves = Layout(margin="0 16px 0 0"), (operations[:half], operations[half:])
        halves = [VBox(each, layout=margin) for each in halves]
        self._pictures = HTML().add_class("ok-pictures")
        self.children = [
            self._pictures,
            HTML(common.make_status(_SHOWN[self._network]["help"], role="note")),
            HBox([self.example, self.variations], layout=wrap),
            HBox([self.seed, self.new_seed, self.usual, self.nothing], layout=wrap),
            self.messages,
            HBox(halves, layout=top),
        ]

    @property
    def _kept(self) -> dict[str, Widget]:
        controls = super()._kept
        for name, operation in self.operations.items():
            controls[f"{name}_on"] = operation.on
            if operation.range is not None:
                controls[name] = operation.range
        return controls

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Controls that change inside are shown when all have changed."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            self._watch(self._show)()

    def _switch_off(self) -> None:
        with self.at_once():
            for operation in self.operations.values():
                operation.on.value = False

    def _make_columns(self) -> previews.Columns:
        refuse_if(self.seed.value < 0, "seed", seed=self.seed.value)
        number = self.example.value - 1
        if self._shown is None or self._shown[0] != number:
            self._shown = number, previews.choose_example(self._examples, number)
        how = (self.settings, self.seed.value, self.variations.value)
        return previews.make_columns(self._examples, self._shown[1], *how)

    def _show(self) -> None:
        if self._busy:
            return
        for operation in self.operations.values():
            if operation.range is not None:
                operation.range.disabled = not operation.on.value
        settings = self._examples.settings.changed(augmentation=self.settings)
        self.warnings = advice.check_augmentation(settings, self._facts)
        for name, operation in self.operations.items():
            operation.warn(self.warnings.get(name))
        if self.warnings:
            labels = ", ".join(self.operations[name].label for name in self.warnings)
            self.messages.say(f"This would teach something wrong; see below: {labels}.", "warn")
        else:
            known = "Nothing here is known to teach something wrong."
            self.messages.say(f"{known} Can you still see the nuclei?")
        rows = previews.make_preview_panes(self._make_columns(), self._examples.settings)
        self._pictures.value = svg.draw_panes(rows, self.describe(), _SHOWN[self._network]["side"])


class Operation(VBox):
    """A checkbox `on` with a slider `range`, where there is one, and a warning below."""

    def __init__(self, name: str, setting: Setting) -> None:
        kind, self.warning = advice.OPERATIONS[name], HTML(layout=Layout(max_width="480px"))
        box = {"indent": False, "layout": Layout(width="245px"), "description": kind.label}
        self.on = Checkbox(bool(setting), **box, **common.make_tooltip(kind.meaning))
        # Where it is off, the slider shows the usual range.
        self.range = _make_slider(kind, setting or getattr(AugmentationSettings(), name))
        row = [self.on, self.range] if self.range else [self.on]
        super().__init__([common.wrap_row(*row), self.warning])
        self.add_class(f"ok-{name.replace('_', '-')}")

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
            self.range.min = min(self.range.min, np.min(value))  # the slider reaches as far
            self.range.max = max(self.range.max, np.max(value))
            self.range.value = value
        self.on.value = bool(value)

    @property
    def label(self) -> str:
        """Without its unit."""
        return self.on.description.partition(",")[0]

    def warn(self, text: str | None) -> None:
        """Shows a warning, or takes it away."""
        self.warning.value = common.make_message("warn", text) if text else ""


def _tidy(value: float | tuple[float, float]) -> float | tuple[float, float]:
    """0.6 where the slider of a browser says 0.6000000000000001: it counts in steps."""
    return tuple(map(_tidy, value)) if isinstance(value, tuple) else round(value, 9)


def _make_slider(kind: advice.Kind, value: float | tuple[float, float]) -> Widget | None:
    """The slider of an operation; it reaches as far as the value that it has."""
    if kind.ends is None:
        return None
    low, high = value if kind.is_range else (value, value)
    limits = {"min": min(kind.ends[0], low), "max": max(kind.ends[1], high), "step": kind.step}
    limits |= fit("275px", kind.meaning)
    make = widgets.IntSlider if isinstance(kind.step, int) else widgets.FloatSlider
    make, words = (widgets.FloatRangeSlider, "range") if kind.is_range else (make, "at most")
    return common.make_strict(make)(value=value, description=words, **limits)
