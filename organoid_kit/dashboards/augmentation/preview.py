"""Before and after: what augmentation makes of an example, and what would go too far."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ipywidgets import HTML, BoundedIntText, Button, HBox, IntSlider, Layout, VBox, Widget

from organoid_kit.base import AugmentationSettings, NetworkSettings, UserError
from organoid_kit.dashboards.augmentation import examples as previews
from organoid_kit.dashboards.augmentation.advice import check_augmentation, measure_example_facts
from organoid_kit.dashboards.augmentation.operation import Operation, list_operations
from organoid_kit.dashboards.parts.common import (
    INK,
    WIDE,
    Messages,
    add_controls,
    make_tooltip,
    mark,
)
from organoid_kit.dashboards.parts.dashboard import Dashboard, connect, guard
from organoid_kit.dashboards.parts.panes import draw_panes
from organoid_kit.data import AnnotatedMovie
from organoid_kit.plots import Drawing
from organoid_kit.plots.drawing import count

_MOST_MOVIES = 4  # are looked at for the warnings
_SEEDS = 10_000
# Longer side of a pane in pixels, and what the examples are.
_EXAMPLES = {
    "position": (165, "Example (time points of all movies)"),
    "division": (140, "Division"),
    "link": (140, "Linked nucleus"),
}
_WHAT_TO_SEE = {
    "position": "Image above, target below. Rings: annotated positions in this plane.",
    "division": "The plane through the nucleus in the middle, at its own time point.",
    "link": "The earlier nucleus above, the later below, each in the middle; the arrow leads from "
    "one to the other.",
}


class AugmentationPreview(Dashboard):
    """An example beside variations of it; each operation is switched on and off and has a range.

    `settings` says for which network, and where the controls stand at first. Raises UserError where
    the movies have nothing to learn from for this network.

    Attributes:
        operations: name, as in `AugmentationSettings` → checkbox `on` and slider `range`.
        example, variations: sliders, which one is shown, and how many variations of it.
        seed: of the dice; the same seed throws the same.
        new_seed: button for another throw.
        usual, nothing: buttons that switch all operations to the usual ranges, or off.
        warnings: what would teach something wrong, by the name of the operation.
    """

    kept = ("example", "variations", "seed")

    def __init__(
        self, annotated_movies: Sequence[AnnotatedMovie], settings: NetworkSettings
    ) -> None:
        if not annotated_movies:
            rule = "A preview needs annotated movies. Received: none."
            raise UserError(f"{rule} Pass those you train on.")
        super().__init__()
        self._examples = previews.make_preview_examples(annotated_movies, settings)
        self._facts = measure_example_facts(annotated_movies[:_MOST_MOVIES], settings)
        self._start, self._network = settings.augmentation, settings.network
        self.warnings: dict[str, str] = {}
        self._busy, self._shown, self.messages = False, None, Messages()
        self._make_controls(settings)
        self._arrange()
        connect(self.messages, self._show, *self._kept.values())
        connect(self.messages, self._throw_again, self.new_seed)
        connect(self.messages, self._switch_off, self.nothing)
        self.usual.on_click(lambda _: setattr(self, "settings", AugmentationSettings()))
        guard(self.messages, self._show)()

    @property
    def settings(self) -> AugmentationSettings:
        """What is chosen; what this network does not use stays as it was."""
        chosen = {name: operation.setting for name, operation in self.operations.items()}
        return dataclasses.replace(self._start, **chosen)

    @settings.setter
    def settings(self, chosen: AugmentationSettings) -> None:
        """Puts other settings on the controls."""
        self._start = chosen
        with self._at_once():
            for name, operation in self.operations.items():
                operation.setting = getattr(chosen, name)

    def describe(self) -> str:
        """What is shown, in words."""
        on = [_shorten(operation) for operation in self.operations.values() if operation.on.value]
        varied = f"{count(self.variations.value, 'variation')} of it with seed {self.seed.value}"
        text = f"An example of the {self._network} network as it is, and {varied}. "
        text += f"Varied: {', '.join(on) or 'nothing'}."
        if self.warnings:
            warnings = " ".join(self.warnings.values())
            text += f" {count(len(self.warnings), 'warning')}: {warnings}"
        return text

    def plot(self) -> Drawing:
        """The static twin: the same examples as a figure."""
        drawing = previews.plot_columns(self._make_columns(), self._examples.settings)
        drawing.description = f"{self.describe()} {drawing.description}"
        return drawing

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError where they cannot have it."""
        with self._at_once():
            super().restore(state)

    # ---- how it is put together

    def _make_controls(self, settings: NetworkSettings) -> None:
        wide = {"style": WIDE, "layout": Layout(width="420px", max_width="98%")}
        short = {"style": WIDE, "layout": Layout(width="150px")}
        tip, most = make_tooltip("The same seed throws the same dice."), max(_SEEDS, settings.seed)
        _, what = _EXAMPLES[self._network]
        number = previews.count_previews(self._examples)
        usual, off = "The ranges that the kit trains with.", "Then switch on one after the other."
        add_controls(
            self,
            example=IntSlider(1, 1, number, description=what, **wide),
            variations=IntSlider(4, 1, 6, description="Variations", **wide),
            seed=BoundedIntText(settings.seed, max=most, description="Seed", **tip, **short),
            new_seed=Button(description="Throw again", tooltip="Another seed: other variations."),
            usual=Button(description="All as usual", tooltip=usual),
            nothing=Button(description="All off", tooltip=off),
        )
        self.operations = {
            name: Operation(name, getattr(settings.augmentation, name))
            for name in list_operations(self._network)
        }

    def _arrange(self) -> None:
        wrap = Layout(flex_flow="row wrap", align_items="center")
        top = Layout(flex_flow="row wrap", align_items="flex-start")
        operations, half = list(self.operations.values()), (len(self.operations) + 1) // 2
        margin = {"layout": Layout(margin="0 16px 0 0")}
        halves = [VBox(operations[:half], **margin), VBox(operations[half:], **margin)]
        self._pictures = mark(HTML(), "ok-pictures")
        style = f"color:{INK};background:#fff;line-height:1.4"
        self.children = [
            self._pictures,
            HTML(f'<div style="{style}">{_WHAT_TO_SEE[self._network]}</div>'),
            HBox([self.example, self.variations], layout=wrap),
            HBox([self.seed, self.new_seed, self.usual, self.nothing], layout=wrap),
            self.messages,
            HBox(halves, layout=top),
        ]
        mark(self, "ok-augmentation-preview")

    @property
    def _kept(self) -> dict[str, Widget]:
        controls = super()._kept
        for name, operation in self.operations.items():
            controls[f"{name}_on"] = operation.on
            if operation.range is not None:
                controls[name] = operation.range
        return controls

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Controls that change inside are shown when all have changed."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            guard(self.messages, self._show)()

    def _throw_again(self) -> None:
        self.seed.value = (self.seed.value + 1) % _SEEDS

    def _switch_off(self) -> None:
        with self._at_once():
            for operation in self.operations.values():
                operation.on.value = False

    # ---- what is shown

    def _make_columns(self) -> list[previews.Column]:
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
        self._show_warnings()
        rows = previews.make_preview_panes(self._make_columns(), self._examples.settings)
        self._pictures.value = draw_panes(rows, self.describe(), _EXAMPLES[self._network][0])

    def _show_warnings(self) -> None:
        settings = self._examples.settings.changed(augmentation=self.settings)
        self.warnings = check_augmentation(settings, self._facts)
        for name, operation in self.operations.items():
            operation.warn(self.warnings.get(name))
        if self.warnings:
            labels = ", ".join(_shorten(self.operations[name]) for name in self.warnings)
            self.messages.warn(f"This would teach something wrong; see below: {labels}.")
        else:
            known = "Nothing here is known to teach something wrong."
            self.messages.say(f"{known} Can you still see the nuclei?")


def _shorten(operation: Operation) -> str:
    """The label without its unit."""
    return operation.on.description.partition(",")[0]
