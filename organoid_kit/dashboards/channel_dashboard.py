"""Which channels show the nuclei? Each one and any sum, beside a number that says how well nuclei
stand out.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ipywidgets import HTML, Button, Checkbox, HBox, IntSlider, Layout, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.common import INK, WIDE, CheckboxGroup, Messages, make_legend, mark
from organoid_kit.dashboards.control_states import guard, read_controls, set_controls
from organoid_kit.dashboards.panes import Pane, Points, draw_panes
from organoid_kit.dashboards.stack_pictures import StackPictures
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import COLOURS, Drawing, Mark
from organoid_kit.plots.images import plot_channels
from organoid_kit.report.channel_contrast import (
    ChannelScore,
    are_standing_out,
    choose_best_channels,
    list_channel_choices,
    score_channels,
)

STANDS_OUT = Mark("stands out", "o", "sky blue")
HIDDEN = Mark("does not stand out", "^", "yellow")
_MOST_PANES = 4  # channels beside each other in a row
_SIDE = 235  # of a pane, in pixels
_TITLE_LETTERS = 36  # in a line above it
_MEANING = (
    "A nucleus <b>stands out</b> if it is more of a bright blob than 95 of 100 places near it without a nucleus. What "
    "does not stand out, a network can hardly learn to find. By chance, 5 % do."
)
_MEANING_OF_BLOBS = (
    "<b>Bright blobs</b> of the size of nuclei, as the blob detector counts them. Not all are nuclei: annotate some "
    "nuclei, and the number says how many of these stand out."
)


class ChannelDashboard(VBox):
    """Channels and their sums, and how well nuclei stand out in each.

    The number is that of `score_channels`: the share of annotated nuclei that are more of a bright
    blob than 95 % of the background, over a few time points of the movie.

    Args:
        movie: to look at.
        annotations: where nuclei are, in voxels of the movie. Without, bright blobs are counted.

    Attributes:
        channels: checkboxes; `channels.value` is the tuple to train on, as in
            `NetworkSettings.channels`.
        time_point: slider.
        marks: whether nuclei are marked, those that stand out by another mark than those that do
            not.
        choose_best: button that ticks the choice in which most nuclei stand out.
        scores: what was measured, by choice of channels.
        messages: what went wrong, and what would be better.
    """

    def __init__(self, movie: TimeLapse, annotations: Annotations | None = None) -> None:
        self.movie = movie
        self.annotations = annotations if annotations is not None and len(annotations) else None
        self.messages = mark(Messages(), "ok-messages")
        self._pictures, self._out = StackPictures(movie, kept=16), {}
        self.scores = {choice: self._score(choice) for choice in list_channel_choices(movie)}
        times = (
            movie.time_points
            if self.annotations is None
            else self.annotations.annotated_time_points
        )
        names = [
            (f"{number} {name}", number) for number, name in enumerate(movie.channel_names, start=1)
        ]
        self.channels = mark(
            CheckboxGroup(names, (1,), "Train on (several: summed)", at_least=1), "ok-channels"
        )
        self.time_point = mark(
            IntSlider(
                value=int(times[0]),
                min=movie.time_points.start,
                max=movie.time_points.stop - 1,
                description="Time point",
                style=WIDE,
                layout=Layout(width="420px", max_width="98%"),
            ),
            "ok-time-point",
        )
        self.marks = mark(
            Checkbox(
                value=True,
                description="Mark the annotated nuclei",
                indent=False,
                layout=Layout(width="auto"),
            ),
            "ok-marks",
        )
        self.choose_best = mark(
            Button(
                description="Choose the best",
                tooltip="Ticks the channels in which most nuclei stand out; of equally good ones, the fewest.",
            ),
            "ok-choose-best",
        )
        self._panes, self._table, self._legend = (
            mark(HTML(), "ok-panes"),
            mark(HTML(), "ok-table"),
            HTML(),
        )
        marked = [self.marks] if self.annotations is not None else []
        left = VBox([self.channels, self.choose_best], layout=Layout(width="250px"))
        below = HBox([left, self._table], layout=Layout(flex_flow="row wrap"))
        super().__init__(
            [self._panes, self._legend, self.time_point, *marked, below, self.messages]
        )
        mark(self, "ok-channel-dashboard")
        for control in self._controls.values():
            control.observe(guard(self.messages, self._show), "value")
        self.choose_best.on_click(guard(self.messages, self._choose_best))
        guard(self.messages, self._show)()

    @property
    def _controls(self) -> dict[str, Any]:
        return {"channels": self.channels, "time_point": self.time_point, "marks": self.marks}

    def describe(self) -> str:
        """The choice and its number, in words."""
        better = self._find_better()
        advice = f" Channels {_join(better.channels)} would be better: {better}." if better else ""
        chosen = f"The network would be trained on channels {self._name(self.channels.value)}."
        return f"{chosen} In {self._chosen}.{advice}"

    def plot(self) -> Drawing:
        """The static twin: every channel, and the sum that was chosen."""
        drawing = plot_channels(self.movie, self.time_point.value, self._shown_choices())
        measured = "; ".join(
            f"{self._name(choice)}: {_format_share(score)}" for choice, score in self.scores.items()
        )
        drawing.description = (
            f"{drawing.description} {self.describe()} All that was measured: {measured}."
        )
        return drawing

    def state(self) -> dict[str, Any]:
        """The values of all controls, as plain JSON values."""
        return read_controls(self._controls)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for a control or value there is not."""
        set_controls(self._controls, state)

    # ---- what is measured

    def _score(self, choice: tuple[int, ...]) -> ChannelScore:
        return score_channels(self.movie, choice, self.annotations)

    @property
    def _chosen(self) -> ChannelScore:
        """The score of the choice; one that was not tried yet is measured now."""
        choice = self.channels.value
        if choice not in self.scores:
            self.scores[choice] = self._score(choice)
        return self.scores[choice]

    def _find_better(self) -> ChannelScore | None:
        """The best choice, where it is better than the one that is ticked."""
        try:
            best = self.scores[choose_best_channels(list(self.scores.values()))]
        except UserError:
            return None
        return best if best.standing_out > self._chosen.standing_out else None

    def _choose_best(self) -> None:
        self.channels.value = choose_best_channels(list(self.scores.values()))

    def _get_standing_out(self, choice: tuple[int, ...]) -> np.ndarray | None:
        """Which nuclei of the time point that is shown stand out; looked up once."""
        key = (self.time_point.value, choice)
        if key not in self._out:
            self._out[key] = are_standing_out(self.movie, *key, self.annotations)
        return self._out[key]

    # ---- what is shown

    def _show(self) -> None:
        panes = [self._make_pane(choice) for choice in self._shown_choices()]
        rows = [panes[start : start + _MOST_PANES] for start in range(0, len(panes), _MOST_PANES)]
        self._panes.value = draw_panes(rows, self.describe(), _SIDE)
        self._table.value = self._write_table()
        is_marked = self.annotations is not None and self.marks.value
        self._legend.value = (
            make_legend([(each, each.name) for each in (STANDS_OUT, HIDDEN)]) if is_marked else ""
        )
        (self.messages.warn if self._find_better() else self.messages.say)(self.describe())

    def _shown_choices(self) -> list[tuple[int, ...]]:
        """Every channel by itself, and what was chosen if that is a sum."""
        chosen = self.channels.value
        return [
            *((each,) for each in range(1, len(self.movie.channel_names) + 1)),
            *([chosen] if chosen[1:] else []),
        ]

    def _make_pane(self, choice: tuple[int, ...]) -> Pane:
        """The brightest voxels along z, with the nuclei."""
        pixels = self._pictures.at(self.time_point.value, choice).values.max(axis=0)
        size_um = tuple(np.multiply(self.movie.shape_zyx, self.movie.spacing_um)[1:].tolist())
        name = self._name(choice) + (", chosen" if choice == self.channels.value else "")
        title = "\n".join(textwrap.wrap(name, _TITLE_LETTERS))
        return Pane(title, pixels, size_um, self._mark_nuclei(choice), bar=choice == (1,))

    def _mark_nuclei(self, choice: tuple[int, ...]) -> tuple[Points, ...]:
        if self.annotations is None or not self.marks.value:
            return ()
        places_um = (
            (self.annotations.positions_at(self.time_point.value) + 0.5) * self.movie.spacing_um
        )[:, 1:]
        out = self._get_standing_out(choice)
        if out is None:
            return ()
        return Points(STANDS_OUT, places_um[out]), Points(HIDDEN, places_um[~out])

    def _write_table(self) -> str:
        """One row for each choice, with a bar; the choice that is ticked stands out by a word and
        bold letters.
        """
        times = ", ".join(map(str, self._chosen.time_points))
        most = max([score.standing_out for score in self.scores.values()] + [1])
        rows = "".join(self._write_row(score, most) for score in self.scores.values())
        head = "Nuclei that stand out" if self.annotations is not None else "Bright blobs"
        cell = 'style="text-align:left;padding:2px 10px"'
        return (
            f'<table style="color:{INK};background:#fff;border-collapse:collapse;line-height:1.4"><tr><th {cell}>'
            f"Channels</th><th {cell}>{head}</th></tr>{rows}</table>"
            f'<div style="max-width:560px;line-height:1.4;padding:4px 10px">'
            f"{_MEANING if self.annotations is not None else _MEANING_OF_BLOBS} Measured at time points {times}.</div>"
        )

    def _write_row(self, score: ChannelScore, most: int) -> str:
        chosen = score.channels == self.channels.value
        part = score.standing_out / most if score.nuclei is None else (score.share or 0.0)
        bar = (
            '<svg width="120" height="12" aria-hidden="true"><rect width="120" height="12" fill="#eee"/>'
            f'<rect width="{120 * part:.0f}" height="12" fill="{COLOURS["blue"]}"/></svg>'
        )
        weight = "bold" if chosen else "normal"
        return (
            f'<tr style="font-weight:{weight}"><td style="padding:2px 10px;text-align:left">'
            f"{html.escape(self._name(score.channels))}{' ← chosen' if chosen else ''}</td>"
            f'<td style="padding:2px 10px;text-align:left">{bar} {_format_share(score)}</td></tr>'
        )

    def _name(self, choice: Sequence[int]) -> str:
        """Numbers and names."""
        names = " + ".join(self.movie.channel_names[channel - 1] for channel in choice)
        return f"{_join(choice)} ({names})"


def _join(choice: Sequence[int]) -> str:
    return " + ".join(map(str, choice))


def _format_share(score: ChannelScore) -> str:
    if score.nuclei is None:
        return f"{score.standing_out} blobs"
    if score.share is None:
        return "not measured"
    return f"{score.share:.0%} ({score.standing_out} of {score.nuclei})"
