"""Lineage tree and movie, linked both ways, with a list of what is doubtful: the most doubtful
first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ipywidgets import HTML, BoundedIntText, Button, HBox, Layout, Select, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.common import (
    INK,
    PAPER,
    WIDE,
    Messages,
    make_legend,
    make_tooltip,
    mark,
)
from organoid_kit.dashboards.control_states import guard, read_controls, set_controls
from organoid_kit.dashboards.lineage_display import TreeDisplay
from organoid_kit.dashboards.lineage_tree import MARKS, DrawnTree, draw_tree
from organoid_kit.dashboards.stack_browser import Pick, StackBrowser
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.timelapse import TimeLapse
from organoid_kit.plots.drawing import Drawing, Mark, count
from organoid_kit.plots.lineages import number_lineages, plot_lineage_tree
from organoid_kit.tracking.errors import Doubt, estimate_errors, list_doubts

MOST_LINEAGES = 15  # drawn at once
_MOST_POSITIONS = 20_000  # of those, unless it is a single one
_PICK_UM = 5.0
_HELP_IN_PAGE = (
    "<b>Click</b> in the tree to go there in the movie; pick a nucleus in the movie to see its lineage. The upright "
    "line is the time point of the movie. <b>Keys</b>, after a click on the tree or Tab: ← → time point · ↑ ↓ lineage."
)
_HELP_FOR_PICTURE = (
    "Pick a nucleus in the movie to see its lineage, or give the number of a lineage. The upright line is the time "
    "point of the movie."
)
_TRACKS = Mark("tracks", "o", "orange")
_CHOSEN = Mark("chosen lineage", "p", "green")
_DOUBTFUL = Mark("doubtful", "x", "vermillion")


class TrackExplorer(VBox):
    """Lineages as trees beside the movie: a click in one goes there in the other.

    Args:
        movie: to look at.
        tracks: with links, in voxels of the movie; of `add_error_probabilities`, so that there are
            doubts.
        channels: to look at; None: the first.
        most_doubts: length of the list.
        least_error: error probability from which on something is doubtful.
        drawn_by: of the `StackBrowser`.

    Attributes:
        lineage: number of the lineage whose tree is shown; 0: the largest ones.
        doubts: list, the most probable errors first; what is chosen is shown in the movie.
        next_doubt: button.
        browser: the `StackBrowser` with tracks, the chosen lineage, and doubts.
        chosen: number of the lineage that stands out in tree and movie, or None.
        tree: what one clicks on; None without the package anywidget.
        messages: what was chosen, and what went wrong.
    """

    def __init__(
        self,
        movie: TimeLapse,
        tracks: Annotations,
        *,
        channels: Sequence[int] | None = None,
        most_doubts: int = 50,
        least_error: float = 0.01,
        drawn_by: str = "auto",
    ) -> None:
        self.movie, self.tracks, self.least_error = movie, tracks, least_error
        self._lineages = number_lineages(tracks)
        self._sizes = np.bincount(self._lineages) if len(tracks) else np.zeros(0, int)
        self.chosen: int | None = None
        self._doubts, self._estimate = _list_doubts(tracks, most_doubts, least_error)
        self.browser = StackBrowser(movie, {"tracks": tracks}, channels=channels, drawn_by=drawn_by)
        self.browser.set_layer("tracks", tracks, _TRACKS)
        self.browser.set_layer("chosen lineage", tracks.select([]), _CHOSEN)
        if self._doubts:
            self.browser.set_layer("doubtful", _make_doubt_layer(self._doubts), _DOUBTFUL)
        self._make_controls()
        super().__init__(self._lay_out())
        mark(self, "ok-track-explorer")
        self._listen()
        guard(self.messages, self._draw)()

    def choose(self, row: int) -> None:
        """Goes to a position of the tracks, and makes its lineage stand out in tree and movie."""
        self._choose_lineage(int(self._lineages[row]))
        self.browser.go_to(int(self.tracks.time_points[row]), self.tracks.positions[row])
        self.messages.say(
            f"{self._describe_lineage(self.chosen)} Time point {self.tracks.time_points[row]}."
        )

    def describe(self) -> str:
        """Tree and movie, in words."""
        chosen = "" if self.chosen is None else f" Chosen: {self._describe_lineage(self.chosen)}"
        return f"{self._describe_shown()} {self._drawn.words}{chosen} {self.browser.describe()} {self._describe_doubts()}"

    def plot(self) -> Drawing:
        """The static twin: the trees that are shown."""
        part = self.tracks.select(np.isin(self._lineages, self._choose_shown()))
        title = (
            "Lineages, the largest first"
            if self.lineage.value == 0
            else f"Lineage {self.lineage.value}"
        )
        drawing = plot_lineage_tree(part, most=None, least_error=self.least_error, title=title)
        drawing.description = f"{self.describe()} {drawing.description}"
        return drawing

    def state(self) -> dict[str, Any]:
        """The values of all controls and where the movie is, as plain JSON values."""
        return {
            **read_controls(self._controls),
            "chosen": self.chosen,
            "browser": self.browser.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for a control or value there is not."""
        state = dict(state)
        chosen, browser = state.pop("chosen", None), state.pop("browser", {})
        if chosen is not None and chosen not in range(len(self._sizes)):
            raise UserError(
                f"A state must hold values that the controls can have. Received: lineage {chosen!r}, and there are "
                f"{len(self._sizes)}. Use it with the same tracks."
            )
        set_controls(self._controls, state)
        self._choose_lineage(chosen)
        self.browser.restore(browser)

    # ---- how it is put together

    def _make_controls(self) -> None:
        self.lineage = BoundedIntText(
            value=0,
            max=len(self._sizes),
            description="Lineage (0: the largest)",
            **make_tooltip("Lineages are numbered from the one with the most positions."),
            style=WIDE,
            layout=Layout(width="250px"),
        )
        options = [
            (_describe_doubt(doubt, self._lineages), number)
            for number, doubt in enumerate(self._doubts)
        ]
        self.doubts = Select(
            options=options,
            value=None,
            rows=12,
            description="Doubts",
            style=WIDE,
            layout=Layout(width="350px", max_width="98%"),
        )
        self.next_doubt = Button(
            description="Next doubt", tooltip="Goes to the next one of the list."
        )
        for name in ("lineage", "doubts", "next_doubt"):
            mark(getattr(self, name), f"ok-{name.replace('_', '-')}")
        self.messages = mark(Messages(), "ok-messages")
        self._display = TreeDisplay(self._handle_event, guard(self.messages, self._draw))
        self.tree = self._display.tree
        self._shown_text, self._doubt_text = mark(HTML(), "ok-shown"), HTML()
        self._help_text = mark(HTML(), "ok-tree-help")

    def _lay_out(self) -> list[Any]:
        legend = HTML(make_legend(((each, each.name) for each in MARKS), PAPER))
        left = VBox(
            [HBox([self.lineage, self._shown_text]), self._display, legend, self._help_text]
        )
        left.layout = Layout(width="690px", max_width="100%")
        right = VBox(
            [self._doubt_text, self.doubts, self.next_doubt], layout=Layout(padding="0 0 0 10px")
        )
        return [
            HBox([left, right], layout=Layout(flex_flow="row wrap")),
            self.messages,
            self.browser,
        ]

    @property
    def _controls(self) -> dict[str, Any]:
        return {"lineage": self.lineage, "doubts": self.doubts}

    def _listen(self) -> None:
        self.lineage.observe(guard(self.messages, self._change_lineage), "value")
        self.doubts.observe(guard(self.messages, self._go_to_doubt), "value")
        self.next_doubt.on_click(guard(self.messages, self._step_doubts))
        self.browser.time_point.observe(guard(self.messages, self._move_line), "value")
        self.browser.on_pick(self._take_pick)

    # ---- what the user does

    def _handle_event(self, content: Mapping[str, Any]) -> None:
        """A click or key in the tree."""
        with self.messages.watch():
            if content["kind"] == "pick":
                self.choose(int(content["row"]))
            elif content["kind"] == "time point":
                self.browser.time_point.value += int(content["step"])
            else:
                self._step_lineages(int(content["step"]))

    def _take_pick(self, pick: Pick) -> None:
        """The nucleus in the movie that is nearest to what was picked, in whatever layer."""
        with self.messages.watch():
            rows = self.tracks.rows_at(pick.time_point)
            away = np.linalg.norm(
                (self.tracks.positions[rows] - pick.position) * self.movie.spacing_um, axis=1
            )
            if len(rows) and away.min() <= _PICK_UM:
                self._choose_lineage(int(self._lineages[rows[away.argmin()]]))
                self.messages.say(self._describe_lineage(self.chosen))
            else:
                self.messages.say("No nucleus of the tracks is there.")

    def _change_lineage(self) -> None:
        if self.lineage.value:
            self._choose_lineage(self.lineage.value - 1)
        self._draw()

    def _choose_lineage(self, lineage: int | None) -> None:
        """It stands out in tree and movie; the tree changes if it does not show it."""
        self.chosen = lineage
        rows = np.flatnonzero(self._lineages == lineage) if lineage is not None else []
        self.browser.set_layer("chosen lineage", self.tracks.select(rows), _CHOSEN)
        if lineage is not None and lineage not in self._choose_shown():
            self.lineage.value = lineage + 1
        self._draw()

    def _step_lineages(self, step: int) -> None:
        start = -1 if self.chosen is None else self.chosen
        if len(self._sizes):
            self._choose_lineage((start + step) % len(self._sizes))
            self.messages.say(self._describe_lineage(self.chosen))

    def _step_doubts(self) -> None:
        if not self._doubts:
            self.messages.say(self._describe_doubts())
            return
        self.doubts.value = (
            0 if self.doubts.value is None else (self.doubts.value + 1) % len(self._doubts)
        )

    def _go_to_doubt(self) -> None:
        if self.doubts.value is not None:
            doubt = self._doubts[self.doubts.value]
            self.choose(doubt.row)
            self.messages.say(f"Doubt {self.doubts.value + 1} of {len(self._doubts)}: {doubt}")

    # ---- what is shown

    def _choose_shown(self) -> np.ndarray:
        """Lineages that are drawn: one, or the largest that are not too much at once."""
        if self.lineage.value:
            return np.array([self.lineage.value - 1])
        few = np.cumsum(self._sizes[:MOST_LINEAGES]) <= _MOST_POSITIONS
        return np.arange(max(1, few.sum()))

    def _draw(self) -> None:
        time_point = self.browser.time_point.value
        self._drawn: DrawnTree = draw_tree(
            self.tracks,
            self._lineages,
            self._choose_shown(),
            chosen=self.chosen,
            now=None if self._display.in_page else time_point,
            least_error=self.least_error,
        )
        self._display.show(self._drawn, time_point)
        self._shown_text.value = (
            f'<span style="color:{INK};background:#fff">{self._describe_shown()}</span>'
        )
        self._doubt_text.value = f'<div style="color:{INK};background:#fff;max-width:350px;line-height:1.5">{self._describe_doubts()}</div>'
        help_text = _HELP_IN_PAGE if self._display.in_page else _HELP_FOR_PICTURE
        self._help_text.value = (
            f'<div style="color:{INK};background:#fff;line-height:1.5">{help_text}</div>'
        )

    def _move_line(self) -> None:
        if self._display.in_page:
            self._display.move_line(self._drawn, self.browser.time_point.value)
        else:
            self._draw()

    def _describe_shown(self) -> str:
        total, shown = len(self._sizes), len(self._choose_shown())
        if self.lineage.value:
            return f"Lineage {self.lineage.value} of {total}."
        return (
            f"All {total} lineages."
            if shown >= total
            else f"The {shown} largest of {total} lineages."
        )

    def _describe_lineage(self, lineage: int) -> str:
        part = self.tracks.select(self._lineages == lineage)
        times = part.annotated_time_points
        return (
            f"Lineage {lineage + 1}: {count(len(part), 'position')}, {count(len(part.divisions()), 'division')}, time "
            f"points {times[0]} to {times[-1]}."
        )

    def _describe_doubts(self) -> str:
        if self._estimate is None:
            return "Doubts: not measured. Pass tracks of add_error_probabilities."
        return f"Doubts, the most probable errors first. {self._estimate}"


def _list_doubts(tracks: Annotations, most: int, least: float) -> tuple[list[Doubt], str | None]:
    """Doubts, and how many errors are to be expected; none, and None, where no error probabilities
    are known.
    """
    try:
        return list_doubts(tracks, most=most, least=least), str(
            estimate_errors(tracks, least=least)
        )
    except UserError:
        return [], None


def _describe_doubt(doubt: Doubt, lineages: np.ndarray) -> str:
    return f"{doubt.probability:.0%} wrong: {doubt.what}, time point {doubt.time_point}, lineage {lineages[doubt.row] + 1}"


def _make_doubt_layer(doubts: Sequence[Doubt]) -> Annotations:
    messages = [f"{doubt.what}, wrong with probability {doubt.probability:.2g}" for doubt in doubts]
    return Annotations(
        positions=[doubt.position for doubt in doubts],
        time_points=[doubt.time_point for doubt in doubts],
        properties={"message": np.array(messages, dtype=object)},
    )
