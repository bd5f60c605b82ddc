"""Which channels show the nuclei? Each one and any sum, and how well nuclei stand out in it."""

import textwrap
from collections.abc import Sequence
from functools import cache, partial

import numpy as np
from ipywidgets import HTML, Layout, VBox

from organoid_kit.base import UserError
from organoid_kit.dashboards.parts import Dashboard, common, svg
from organoid_kit.dashboards.stack.pictures import StackPictures
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.plots.drawing import COLOURS, Drawing, Mark
from organoid_kit.plots.images import plot_channels
from organoid_kit.report import measuring

STANDS_OUT = Mark("stands out", "o", "sky blue")
HIDDEN = Mark("does not stand out", "^", "yellow")
_PANE_PIXELS = 235  # side of the picture of a channel
_TITLE_LETTERS = 36  # in a line above it


class ChannelDashboard(Dashboard):
    """Channels and their sums, and how well nuclei stand out in each, see `score_channels`.

    Attributes:
        channels: checkboxes; `channels.value` is what to train on, as in `NetworkSettings`.
        time_point, marks: slider, and whether nuclei are marked that stand out or do not.
        choose_best: button that ticks the choice in which most nuclei stand out.
        scores: what was measured, by choice of channels.
    """

    kept = ("channels", "time_point", "marks")

    def __init__(self, movie: TimeLapse, annotations: Annotations | None = None) -> None:
        self.movie = movie
        self.annotations = annotations if annotations is not None and len(annotations) else None
        self._pictures = StackPictures(movie, kept=16)
        self._find_standing_out = cache(partial(measuring.are_standing_out, movie))
        self.scores = {
            choice: measuring.score_channels(movie, choice, self.annotations)
            for choice in measuring.list_channel_choices(movie)
        }
        times = movie.time_points
        shown = times if self.annotations is None else self.annotations.annotated_time_points
        names = [(f"{n} {name}", n) for n, name in enumerate(movie.channel_names, start=1)]
        self._add_controls(
            "channels",
            channels={"options": names, "value": (1,)},
            time_point={"value": int(shown[0]), "min": times.start, "max": times.stop - 1},
            choose_best=self._choose_best,
        )
        self._legend = HTML()
        marked = [self.marks] if self.annotations is not None else []
        left = VBox([self.channels, self.choose_best], layout=Layout(width="250px"))
        top = [self._panes, self._legend, self.time_point, *marked]
        super().__init__([*top, common.wrap_row(left, self._table), self.messages])
        self._connect(self._show, *self._kept.values())
        self._watch(self._show)()

    def describe(self) -> str:
        """The choice and its number, in words."""
        better, name = self._find_better(), self._name(self.channels.value)
        advice = f" Channels {_join(better.channels)} would be better: {better}." if better else ""
        return f"The network would be trained on channels {name}. In {self._chosen}.{advice}"

    def plot(self) -> Drawing:
        """The static twin: every channel, and the sum that was chosen."""
        drawing = plot_channels(self.movie, self.time_point.value, self._list_shown())
        measured = f"All that was measured: {'; '.join(map(str, self.scores.values()))}."
        return drawing.caption(f"{drawing.description} {self.describe()} {measured}")

    @property
    def _chosen(self) -> measuring.ChannelScore:
        """The score of the choice; one that was not tried yet is measured now."""
        if (choice := self.channels.value) not in self.scores:
            self.scores[choice] = measuring.score_channels(self.movie, choice, self.annotations)
        return self.scores[choice]

    def _find_better(self) -> measuring.ChannelScore | None:
        """The best choice, where it is better than the one that is ticked."""
        try:
            best = self.scores[measuring.choose_best_channels(list(self.scores.values()))]
        except UserError:
            return None
        return best if best.standing_out > self._chosen.standing_out else None

    def _choose_best(self) -> None:
        self.channels.value = measuring.choose_best_channels(list(self.scores.values()))

    def _show(self) -> None:
        panes = [self._make_pane(choice) for choice in self._list_shown()]
        self._panes.value = svg.draw_panes([panes], self.describe(), _PANE_PIXELS)
        chosen, scores = self.channels.value, self.scores.items()
        rows = [(self._name(choice), choice == chosen, score) for choice, score in scores]
        look = {"ink": common.INK, "bar": COLOURS["blue"], "times": self._chosen.time_points}
        found = {"rows": rows, "annotated": self.annotations}
        self._table.value = common.render("channels.html", **found, **look)
        legend = common.make_legend((kind, kind.name) for kind in (STANDS_OUT, HIDDEN))
        self._legend.value = legend if self._marks_nuclei else ""
        self.messages.say(self.describe(), "warn" if self._find_better() else "say")

    def _list_shown(self) -> list[tuple[int, ...]]:
        """Every channel by itself, and what was chosen if that is a sum."""
        single = [(number,) for number in range(1, len(self.movie.channel_names) + 1)]
        return single + [choice for choice in [self.channels.value] if len(choice) > 1]

    @property
    def _marks_nuclei(self) -> bool:
        return self.annotations is not None and self.marks.value

    def _make_pane(self, choice: tuple[int, ...]) -> svg.Pane:
        """The brightest voxels along z, with the nuclei."""
        stack = self._pictures.at(self.time_point.value, choice)
        spacing_um = np.multiply(self.movie.spacing_um[1:], stack.reduced)
        name = self._name(choice) + (", chosen" if choice == self.channels.value else "")
        title = "\n".join(textwrap.wrap(name, _TITLE_LETTERS))
        points, annotations, bar = (), self.annotations, choice == (1,)
        if self._marks_nuclei:  # which of them stand out is looked up once
            time_point = self.time_point.value
            out = self._find_standing_out(time_point, choice, annotations)
            places_um = (annotations.positions_at(time_point) + 0.5) * self.movie.spacing_um
            if out is not None:
                kinds = ((STANDS_OUT, out), (HIDDEN, ~out))
                points = tuple(svg.Points(mark, places_um[which, 1:]) for mark, which in kinds)
        return svg.Pane(title, stack.values.max(axis=0), spacing_um, points, bar=bar)

    def _name(self, choice: Sequence[int]) -> str:
        names = " + ".join(self.movie.channel_names[channel - 1] for channel in choice)
        return f"{_join(choice)} ({names})"


def _join(choice: Sequence[int]) -> str:
    return " + ".join(map(str, choice))
