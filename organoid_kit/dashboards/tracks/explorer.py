"""Lineage tree and movie, linked both ways; what is doubtful, and what corrects it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ipywidgets import HTML, HBox, Layout, VBox

from organoid_kit.base import UserError, refuse_if
from organoid_kit.dashboards.parts import Dashboard, common
from organoid_kit.dashboards.stack.browser import PICK_UM, Pick, StackBrowser
from organoid_kit.dashboards.stack.layers import find_nearest
from organoid_kit.dashboards.tracks.lineage_tree import MARKS, DrawnTree, TreeDisplay, draw_tree
from organoid_kit.dashboards.tracks.mending import Corrections, TrackEditor
from organoid_kit.data import Annotations, TimeLapse
from organoid_kit.plots.drawing import Drawing, Mark, count
from organoid_kit.plots.lineages import number_lineages, plot_lineage_tree
from organoid_kit.tracking import Doubt, estimate_errors, list_doubts

MOST_LINEAGES = 15  # drawn at once
_MOST_DOUBTS, _LEAST_ERROR = 50, 0.05  # in the list; probability from which on it is a doubt
_MOST_POSITIONS = 20_000  # of those, unless it is a single one
_TRACKS = Mark("tracks", "o", "orange")
_CHOSEN = Mark("chosen lineage", "p", "green")
_DOUBTFUL = Mark("doubtful", "x", "vermillion")


class TrackExplorer(Dashboard):
    """Lineages as trees beside the movie: a click in one goes there in the other.

    Args:
        tracks: with links; of `add_error_probabilities`, so that there are doubts.
        candidates: of which the tracks were chosen, `TrackedMovie.candidates`; None: where tracks
            are corrected, distance says what else could be.
        output: file that corrected tracks are saved to, see `TrackEditor`.
        channels, drawn_by: as of the `StackBrowser`.

    Attributes:
        lineage: number of the lineage whose tree is shown; 0: the largest ones.
        doubts, next_doubt: the most probable errors first; the chosen one is shown in the movie.
        browser: the `StackBrowser` with tracks, the chosen lineage, and doubts.
        corrections: buttons that correct the tracks, which are solved again around each correction.
        chosen: number of the lineage that stands out in tree and movie, or None.
        tree: what one clicks on.
    """

    kept = ("lineage", "doubts", "chosen", "browser")

    def __init__(
        self,
        movie: TimeLapse,
        tracks: Annotations,
        *,
        candidates: Annotations | None = None,
        output: str | Path | None = None,
        channels: Sequence[int] | None = None,
        drawn_by: str = "auto",
    ) -> None:
        self.movie, self._chosen, self._refilling = movie, None, False
        self._editor = TrackEditor(tracks, movie, candidates, output)
        self.browser = StackBrowser(movie, {"tracks": tracks}, channels=channels, drawn_by=drawn_by)
        self._make_controls()
        legend = HTML(common.make_legend(((kind, kind.name) for kind in MARKS), common.PAPER))
        left = [HBox([self.lineage, self._shown]), self._display, legend, self._tree_help]
        left = VBox(left, layout=Layout(width="600px", max_width="100%"))
        right = [self._doubt_text, self.doubts, self.next_doubt, self.corrections]
        right = VBox(right, layout=Layout(padding="0 0 0 10px", flex="1 1 350px"))
        super().__init__([common.wrap_row(left, right), self.messages, self.browser])
        self._connect(self._change_lineage, self.lineage)
        self._connect(self._go_to_doubt, self.doubts)
        self._connect(self._move_line, self.browser.time_point)
        self.browser.on_pick(self._take_pick)
        self._watch(self.take_tracks)()
        if steps := len(self._editor.done) - 1:
            came = f"{count(steps, 'correction')} of an earlier session came back from "
            self.messages.say(f"{came}{self._editor.output.name}.journal.", "warn")

    @property
    def tracks(self) -> Annotations:
        """As they are now, corrected."""
        return self._editor.tracks

    def take_tracks(self) -> None:
        """Shows others, or the first ones; the place that one looks at stays."""
        tracks = self.tracks
        self._lineages = number_lineages(tracks)
        self._sizes = np.bincount(self._lineages) if len(tracks) else np.zeros(0, int)
        self._doubts, self._estimate = _list_doubts(tracks)
        self._doubt_text.value = common.make_status(self._estimate, role="note")
        lines, texts = [], []
        for number, doubt in enumerate(self._doubts):
            where = f"time point {doubt.time_point}, lineage {self._lineages[doubt.row] + 1}"
            lines.append((f"{doubt.probability:.0%} wrong: {doubt.what}, {where}", number))
            texts.append(f"{doubt.what}, wrong with probability {doubt.probability:.2g}")
        self._refilling = True  # of another list, nobody has chosen one
        self.doubts.options, self.doubts.value = lines, None
        self._refilling = False
        self.lineage.value = min(self.lineage.value, len(self._sizes))
        with self.browser.at_once():
            self.browser.set_layer("tracks", tracks, _TRACKS)
            rows = np.array([each.row for each in self._doubts], int)
            words = {"message": np.array(texts, object)}
            where = tracks.positions[rows], tracks.time_points[rows]
            self.browser.set_layer("doubtful", Annotations(*where, properties=words), _DOUBTFUL)
            place = self.browser.time_point.value, self.browser.place
            near = find_nearest([self.browser.layers["tracks"]], *place, PICK_UM)
            chosen = near and int(self._lineages[near[1]])
            self.chosen = chosen if len(self._editor.done) > 1 else None
            self.corrections.choose(())

    @property
    def doubt(self) -> Doubt | None:
        """The doubt that is looked at, if one is."""
        return None if self.doubts.value is None else self._doubts[self.doubts.value]

    @property
    def chosen(self) -> int | None:
        """Number of the lineage that stands out, from 0."""
        return self._chosen

    @chosen.setter
    def chosen(self, lineage: int | None) -> None:
        """It stands out in tree and movie; the tree changes if it does not show it."""
        known = (None, *range(len(self._sizes)))
        refuse_if(lineage not in known, "lineage", chosen=lineage, number=len(self._sizes))
        self._chosen = lineage
        rows = np.flatnonzero(self._lineages == lineage) if lineage is not None else []
        self.browser.set_layer("chosen lineage", self.tracks.select(rows), _CHOSEN)
        if lineage is not None and lineage not in self._choose_shown():
            self.lineage.value = lineage + 1
        self._draw()

    def choose(self, row: int) -> None:
        """Goes to a position of the tracks, and makes its lineage stand out in tree and movie."""
        time_point = int(self.tracks.time_points[row])
        self.chosen = int(self._lineages[row])
        self.corrections.choose([*self.corrections.chosen, row])
        self.browser.go_to(time_point, self.tracks.positions[row])
        self.messages.say(f"{self._describe_lineage(self.chosen)} Time point {time_point}.")

    def describe(self) -> str:
        """Tree and movie, in words."""
        texts = [self._describe_shown(), self._drawn.words]
        if self.chosen is not None:
            texts.append(f"Chosen: {self._describe_lineage(self.chosen)}")
        return " ".join([*texts, self.browser.describe(), self._estimate])

    def plot(self) -> Drawing:
        """The static twin: the trees that are shown."""
        part = self.tracks.select(np.isin(self._lineages, self._choose_shown()))
        number = self.lineage.value
        title = f"Lineage {number}" if number else "Lineages, the largest first"
        drawing = plot_lineage_tree(part, most=None, least_error=_LEAST_ERROR, title=title)
        return drawing.caption(f"{self.describe()} {drawing.description}")

    def _make_controls(self) -> None:
        self._add_controls("tracks", next_doubt=self._step_doubts)
        self._doubt_text = HTML(layout=Layout(max_width="350px"))
        self.corrections = Corrections(self, self._editor)
        self._display = TreeDisplay(self._handle_event, self._watch(self._draw))
        self.tree = self._display.tree

    def _handle_event(self, content: Mapping[str, Any]) -> None:
        with self.messages.watch():
            if content["kind"] == "pick":
                self.choose(int(content["row"]))
            elif content["kind"] == "time point":
                self.browser.time_point.value += int(content["step"])
            elif len(self._sizes):
                start = -1 if self.chosen is None else self.chosen
                self._tell_lineage((start + int(content["step"])) % len(self._sizes))

    def _take_pick(self, pick: Pick) -> None:
        """The nucleus in the movie that is nearest to what was picked, in whatever layer."""
        with self.messages.watch():
            tracks, where = [self.browser.layers["tracks"]], (pick.time_point, pick.position)
            if found := find_nearest(tracks, *where, PICK_UM):
                self._tell_lineage(int(self._lineages[found[1]]))
                self.corrections.choose([*self.corrections.chosen, found[1]])
            else:
                self.messages.say("No nucleus of the tracks is there.")

    def _tell_lineage(self, lineage: int) -> None:
        self.chosen = lineage
        self.messages.say(self._describe_lineage(lineage))

    def _change_lineage(self) -> None:
        if self.lineage.value:
            self.chosen = self.lineage.value - 1
        self._draw()

    def _step_doubts(self) -> None:
        before = -1 if self.doubts.value is None else self.doubts.value
        if self._doubts:
            self.doubts.value = (before + 1) % len(self._doubts)
        else:
            self.messages.say(self._estimate)

    def _go_to_doubt(self) -> None:
        if self.doubts.value is not None and not self._refilling:
            self.choose(self.doubt.row)
            self.corrections.choose_doubt(self.doubt)
            self.messages.say(f"Doubt {self.doubts.value + 1} of {len(self._doubts)}: {self.doubt}")

    def _choose_shown(self) -> np.ndarray:
        """Lineages that are drawn: one, or the largest that are not too much at once."""
        if 0 < self.lineage.value <= len(self._sizes):
            return np.array([self.lineage.value - 1])
        few = np.cumsum(self._sizes[:MOST_LINEAGES]) <= _MOST_POSITIONS
        return np.arange(max(1, few.sum()))

    def _draw(self) -> None:
        in_page, time_point = self._display.in_page, self.browser.time_point.value
        options = {"chosen": self.chosen, "least_error": _LEAST_ERROR}
        shown, now = self._choose_shown(), None if in_page else time_point
        self._drawn: DrawnTree = draw_tree(self.tracks, self._lineages, shown, now=now, **options)
        self._display.show(self._drawn, time_point)
        self._shown.value = common.make_status(self._describe_shown(), role="note")
        look = {"ink": common.INK, "paper": common.PAPER}
        self._tree_help.value = common.render("tree_help.html", in_page=in_page, **look)

    def _move_line(self) -> None:
        if self._display.in_page:
            self._display.move_line(self._drawn, self.browser.time_point.value)
        else:
            self._draw()

    def _describe_shown(self) -> str:
        total, shown = len(self._sizes), len(self._choose_shown())
        if self.lineage.value:
            return f"Lineage {self.lineage.value} of {total}."
        few = f"The {shown} largest of {total} lineages."
        return few if shown < total else f"All {total} lineages."

    def _describe_lineage(self, lineage: int) -> str:
        part = self.tracks.select(self._lineages == lineage)
        times, divisions = part.annotated_time_points, count(len(part.divisions()), "division")
        counts = f"{count(len(part), 'position')}, {divisions}"
        return f"Lineage {lineage + 1}: {counts}, time points {times[0]} to {times[-1]}."


def _list_doubts(tracks: Annotations) -> tuple[list[Doubt], str]:
    """Doubts, none without error probabilities; and, in words, how many errors to expect."""
    try:
        doubts = list_doubts(tracks, most=_MOST_DOUBTS, least=_LEAST_ERROR)
        errors = estimate_errors(tracks, least=_LEAST_ERROR)
        return doubts, f"Doubts, the most probable errors first. {errors}"
    except UserError:
        return [], "Doubts: not measured. Pass tracks of add_error_probabilities."
