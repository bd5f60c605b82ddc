"""Before and after: what augmentation makes of an example of any of the three networks, and what
would go too far.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ipywidgets import HTML, BoundedIntText, Button, HBox, IntSlider, Layout, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import AugmentationSettings, NetworkSettings
from organoid_kit.dashboards.augmentation_advice import check_augmentation, measure_example_facts
from organoid_kit.dashboards.common import INK, WIDE, Messages, make_tooltip, mark
from organoid_kit.dashboards.control_states import guard, read_controls, set_controls
from organoid_kit.dashboards.operation import Operation, list_operations
from organoid_kit.dashboards.panes import draw_panes
from organoid_kit.dashboards.preview_examples import (
    Column,
    choose_example,
    count_previews,
    make_columns,
    make_preview_examples,
    make_preview_panes,
    plot_columns,
)
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.plots.drawing import Drawing, count

_MOST_MOVIES = 4  # are looked at for the warnings
_SEEDS = 10_000
_SIDES = {"position": 165, "division": 140, "link": 140}  # of a pane, in pixels
_WHAT = {
    "position": "Example (time points of all movies)",
    "division": "Division",
    "link": "Linked nucleus",
}
_SEE = {
    "position": "Image above, target below. Rings: annotated positions in this plane.",
    "division": "The plane through the nucleus in the middle, at its own time point.",
    "link": "The earlier nucleus above, the later below, each in the middle; the arrow leads from one to the other.",
}


class AugmentationPreview(VBox):
    """An example as it is, beside variations of it; each operation can be switched on and off and
    has a range.

    Args:
        annotated_movies: to train on.
        settings: `settings.network` says for which network, `settings.augmentation` where the
            controls stand at first.

    Attributes:
        operations: name, as in `AugmentationSettings` → checkbox `on` and slider `range`.
        example: slider, which one is shown.
        seed: of the dice; the same seed throws the same.
        new_seed: button for another throw.
        variations: slider, how many are shown.
        usual, nothing: buttons that switch all operations to the usual ranges, or off.
        warnings: what would teach something wrong, by the name of the operation.
        messages: how many warnings there are, and what went wrong.

    Raises:
        UserError: the movies have nothing to learn from for this network.
    """

    def __init__(
        self, annotated_movies: Sequence[AnnotatedMovie], settings: NetworkSettings
    ) -> None:
        if not annotated_movies:
            raise UserError(
                "A preview needs annotated movies. Received: none. Pass those you train on."
            )
        self._examples = make_preview_examples(annotated_movies, settings)
        self._facts = measure_example_facts(annotated_movies[:_MOST_MOVIES], settings)
        self._start, self._network = settings.augmentation, settings.network
        self.warnings: dict[str, str] = {}
        self._busy, self._shown = False, None
        self._make_controls(settings)
        self._pictures = mark(HTML(), "ok-pictures")
        self.messages = mark(Messages(), "ok-messages")
        super().__init__(self._lay_out())
        mark(self, "ok-augmentation-preview")
        self._listen()
        guard(self.messages, self._show)()

    @property
    def settings(self) -> AugmentationSettings:
        """What is chosen, for `NetworkSettings(augmentation=...)`; what this network does not use
        stays as it was.
        """
        chosen = {name: operation.setting for name, operation in self.operations.items()}
        return dataclasses.replace(self._start, **chosen)

    @settings.setter
    def settings(self, chosen: AugmentationSettings) -> None:
        """Puts other settings on the controls."""
        self._start, self._busy = chosen, True
        for name, operation in self.operations.items():
            operation.setting = getattr(chosen, name)
        self._busy = False
        guard(self.messages, self._show)()

    def describe(self) -> str:
        """What is shown, in words."""
        on = [_shorten(operation) for operation in self.operations.values() if operation.on.value]
        said = (
            f" {count(len(self.warnings), 'warning')}: {' '.join(self.warnings.values())}"
            if self.warnings
            else ""
        )
        return (
            f"An example of the {self._network} network as it is, and {count(self.variations.value, 'variation')} of "
            f"it with seed {self.seed.value}. Varied: {', '.join(on) or 'nothing'}.{said}"
        )

    def plot(self) -> Drawing:
        """The static twin: the same examples as a figure."""
        drawing = plot_columns(self._make_columns(), self._examples.settings)
        drawing.description = f"{self.describe()} {drawing.description}"
        return drawing

    def state(self) -> dict[str, Any]:
        """The values of all controls, as plain JSON values."""
        return read_controls(self._controls)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for a control or value there is not."""
        self._busy = True
        try:
            set_controls(self._controls, state)
        finally:
            self._busy = False
            guard(self.messages, self._show)()

    # ---- how it is put together

    def _make_controls(self, settings: NetworkSettings) -> None:
        names = list_operations(settings.network)
        self.operations = {
            name: Operation(name, getattr(settings.augmentation, name)) for name in names
        }
        wide = {"style": WIDE, "layout": Layout(width="420px", max_width="98%")}
        number = count_previews(self._examples)
        self.example = IntSlider(
            value=1, min=1, max=number, description=_WHAT[settings.network], **wide
        )
        self.variations = IntSlider(value=4, min=1, max=6, description="Variations", **wide)
        self.seed = BoundedIntText(
            value=settings.seed,
            max=max(_SEEDS, settings.seed),
            description="Seed",
            **make_tooltip("The same seed throws the same dice."),
            style=WIDE,
            layout=Layout(width="150px"),
        )
        self.new_seed = Button(description="Throw again", tooltip="Another seed: other variations.")
        self.usual = Button(
            description="All as usual", tooltip="The ranges that the kit trains with."
        )
        self.nothing = Button(description="All off", tooltip="Then switch on one after the other.")
        for name in ("example", "variations", "seed", "new_seed", "usual", "nothing"):
            mark(getattr(self, name), f"ok-{name.replace('_', '-')}")

    def _lay_out(self) -> list[Any]:
        wrap = Layout(flex_flow="row wrap", align_items="center")
        rows, half = list(self.operations.values()), (len(self.operations) + 1) // 2
        columns = [
            VBox(part, layout=Layout(margin="0 16px 0 0")) for part in (rows[:half], rows[half:])
        ]
        dice = HBox([self.seed, self.new_seed, self.usual, self.nothing], layout=wrap)
        see = HTML(
            f'<div style="color:{INK};background:#fff;line-height:1.4">{_SEE[self._network]}</div>'
        )
        return [
            self._pictures,
            see,
            HBox([self.example, self.variations], layout=wrap),
            dice,
            self.messages,
            HBox(columns, layout=Layout(flex_flow="row wrap", align_items="flex-start")),
        ]

    @property
    def _controls(self) -> dict[str, Any]:
        """All that has a value."""
        controls = {name: getattr(self, name) for name in ("example", "variations", "seed")}
        for name, operation in self.operations.items():
            controls[f"{name}_on"] = operation.on
            if operation.range is not None:
                controls[name] = operation.range
        return controls

    def _listen(self) -> None:
        for control in self._controls.values():
            control.observe(guard(self.messages, self._show), "value")
        self.new_seed.on_click(guard(self.messages, self._throw_again))
        self.usual.on_click(lambda _: setattr(self, "settings", AugmentationSettings()))
        self.nothing.on_click(guard(self.messages, self._switch_off))

    def _throw_again(self) -> None:
        self.seed.value = (self.seed.value + 1) % _SEEDS

    def _switch_off(self) -> None:
        self._busy = True
        for operation in self.operations.values():
            operation.on.value = False
        self._busy = False
        self._show()

    # ---- what is shown

    def _make_columns(self) -> list[Column]:
        number = self.example.value - 1
        if self._shown is None or self._shown[0] != number:
            self._shown = number, choose_example(self._examples, number)
        return make_columns(
            self._examples, self._shown[1], self.settings, self.seed.value, self.variations.value
        )

    def _show(self) -> None:
        if self._busy:
            return
        for operation in self.operations.values():
            if operation.range is not None:
                operation.range.disabled = not operation.on.value
        self._show_warnings()
        rows = make_preview_panes(self._make_columns(), self._examples.settings)
        self._pictures.value = draw_panes(rows, self.describe(), _SIDES[self._network])

    def _show_warnings(self) -> None:
        self.warnings = check_augmentation(
            self._examples.settings.changed(augmentation=self.settings), self._facts
        )
        for name, operation in self.operations.items():
            operation.warn(self.warnings.get(name))
        if self.warnings:
            labels = ", ".join(_shorten(self.operations[name]) for name in self.warnings)
            self.messages.warn(f"This would teach something wrong; see below: {labels}.")
        else:
            self.messages.say(
                "Nothing here is known to teach something wrong. Can you still see the nuclei?"
            )


def _shorten(operation: Operation) -> str:
    """The label without its unit."""
    return operation.on.description.partition(",")[0]
