"""Move the threshold, and see precision, recall and F1 with the right, missed and false ones behind
them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ipywidgets import HTML, Button, FloatSlider, HBox, IntSlider, Layout, ToggleButtons, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.common import WIDE, Messages, mark
from organoid_kit.dashboards.control_states import guard, read_controls, set_controls
from organoid_kit.dashboards.panes import draw_panes
from organoid_kit.dashboards.stack_browser import StackBrowser
from organoid_kit.dashboards.stack_pictures import StackPictures
from organoid_kit.dashboards.threshold_judging import Judge, Judgement, list_kinds, make_judge
from organoid_kit.dashboards.threshold_pictures import (
    describe_judgement,
    draw_threshold_curve,
    make_close_ups,
)
from organoid_kit.data.annotations import Annotations
from organoid_kit.data.dataset import AnnotatedMovie
from organoid_kit.evaluation.positions import DEFAULT_THRESHOLDS
from organoid_kit.plots.drawing import (
    COLOURS,
    FALSE,
    LINES,
    MISSED,
    RIGHT,
    Drawing,
    draw_figure,
    tidy,
)

_MOST_TIME_POINTS, _MOST_POSITIONS = (
    30,
    5000,
)  # positions are judged at so many, evenly chosen; that takes a second
_MARKS = {"right": RIGHT, "missed": MISSED, "false": FALSE}
_START = 0.5


class ThresholdExplorer(VBox):
    """What a threshold does to predictions of which the truth is known. Nothing is predicted again:
    it is quick.

    Choose a threshold on validation movies, never on those you test with.

    Args:
        truth: the movie with the right answer.
        found: in voxels of the movie, with "probability", "division_probability" or
            "link_probability".
        channels: to look at; None: the first.
        max_distance_um: a found position is right this close to a true one, one-to-one.
        drawn_by: of the `StackBrowser`.

    Attributes:
        threshold: slider.
        kind: "positions", "divisions" or "links", whichever have probabilities.
        tolerance: of divisions, time points by which a call may be too early or too late.
        best: button, goes to the threshold of highest F1.
        commit: button, notes the threshold.
        committed: what was noted of each kind.
        next_missed, next_false: buttons that lead from mistake to mistake.
        browser: the `StackBrowser` with right, missed and false ones.
        messages: figures in words, and what went wrong.

    Raises:
        UserError: nothing has a probability, or the spacing is unknown or differs.
    """

    def __init__(
        self,
        truth: AnnotatedMovie,
        found: Annotations,
        *,
        channels: Sequence[int] | None = None,
        max_distance_um: float = 5.0,
        drawn_by: str = "auto",
    ) -> None:
        kinds = list_kinds(truth.annotations, found)
        self.movie, self.truth, self.found = truth.movie, truth.annotations, found
        self.max_distance_um, self.committed = max_distance_um, {}
        self._few = _thin_out(truth.annotations, found)
        self._judges: dict[tuple, Judge] = {}
        self._judgements: dict[tuple, Judgement] = {}
        self._reached = {"missed": -1, "false": -1}
        self._pictures = StackPictures(truth.movie)
        self.browser = StackBrowser(truth.movie, channels=channels, drawn_by=drawn_by)
        self.browser.view.value = "maximum"
        self._make_controls(kinds)
        self._judge(_START)
        super().__init__(self._lay_out(kinds))
        mark(self, "ok-threshold-explorer")
        self._listen()
        self.browser.time_point.value = int(self.truth.annotated_time_points[0])
        guard(self.messages, self._show)()

    @property
    def judgement(self) -> Judgement:
        """What is right, missed and false at the threshold."""
        return self._judge(self.threshold.value)

    def describe(self) -> str:
        """Threshold, figures and counts, in words."""
        return f"{self.kind.value.capitalize()}, {describe_judgement(self.threshold.value, self.judgement)}"

    def plot(self) -> Drawing:
        """The static twin: the curves, with the threshold."""
        figure = draw_figure()
        axes = figure.subplots()
        for style, key in zip(LINES, ("precision", "recall", "f1")):
            values = [getattr(judgement, key) for judgement in self._find_curve()]
            values = [np.nan if value is None else value for value in values]
            axes.plot(
                DEFAULT_THRESHOLDS,
                values,
                label=key.replace("f1", "F1"),
                markevery=5,
                markersize=5,
                **style,
            )
        axes.axvline(
            self.threshold.value,
            color=COLOURS["black"],
            label=f"threshold {self.threshold.value:.2f}",
        )
        axes.set(
            xlabel="threshold", ylabel="score", xlim=(0, 1), ylim=(0, 1.02), title=self.kind.value
        )
        tidy(axes)
        figure.legend(loc="outside right upper")
        figure.description = f"Precision, recall and F1 over the threshold. {self.describe()}"
        return figure

    def state(self) -> dict[str, Any]:
        """The values of all controls, what was committed, and where the movie is, as plain JSON
        values.
        """
        return {
            **read_controls(self._controls),
            "committed": dict(self.committed),
            "browser": self.browser.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Sets controls to what `state` gave. Raises UserError for a control or value there is not."""
        state = dict(state)
        committed, browser = state.pop("committed", {}), state.pop("browser", {})
        set_controls(self._controls, state)
        self.committed = {str(kind): float(value) for kind, value in committed.items()}
        self.browser.restore(browser)
        guard(self.messages, self._show)()

    # ---- how it is put together

    def _make_controls(self, kinds: Sequence[str]) -> None:
        self.kind = ToggleButtons(
            options=kinds, description="Judge", style={"button_width": "92px"}
        )
        low, high = float(DEFAULT_THRESHOLDS[0]), float(DEFAULT_THRESHOLDS[-1])
        wide = Layout(width="470px", max_width="98%")
        self.threshold = FloatSlider(
            value=_START,
            min=low,
            max=high,
            step=0.02,
            description="Threshold",
            style=WIDE,
            layout=wide,
        )
        self.tolerance = IntSlider(
            value=1,
            min=0,
            max=2,
            description="Tolerance (time points)",
            style=WIDE,
            layout=Layout(width="320px"),
        )
        self.best = Button(description="Highest F1", tooltip="Goes to the threshold of highest F1.")
        self.commit = Button(description="Commit", tooltip="Notes this threshold as your choice.")
        self.next_missed = Button(
            description="Next missed", tooltip="Goes to the next one that was missed."
        )
        self.next_false = Button(
            description="Next false", tooltip="Goes to the next one that is none."
        )
        for name in (
            "kind",
            "threshold",
            "tolerance",
            "best",
            "commit",
            "next_missed",
            "next_false",
        ):
            mark(getattr(self, name), f"ok-{name.replace('_', '-')}")
        self.messages = mark(Messages(), "ok-messages")
        self._curve, self._close_ups = mark(HTML(), "ok-curve"), mark(HTML(), "ok-close-ups")
        self._curve.layout.width, self._close_ups.layout.width = "500px", "500px"

    def _lay_out(self, kinds: Sequence[str]) -> list[Any]:
        choices = [self.kind, self.tolerance] if len(kinds) > 1 else []
        if kinds == ["divisions"]:
            choices = [self.tolerance]
        buttons = [self.best, self.commit, self.next_missed, self.next_false]
        left = VBox(
            [self._curve, self.threshold, HBox(buttons, layout=Layout(flex_flow="row wrap"))]
        )
        top = HBox([left, self._close_ups], layout=Layout(flex_flow="row wrap"))
        return [*choices, top, self.messages, self.browser]

    @property
    def _controls(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("kind", "threshold", "tolerance")}

    def _listen(self) -> None:
        for control in self._controls.values():
            control.observe(guard(self.messages, self._show), "value")
        for control in (self.browser.time_point, self.browser.channels):
            control.observe(guard(self.messages, self._show_close_ups), "value")
        self.best.on_click(guard(self.messages, self._go_to_best))
        self.commit.on_click(guard(self.messages, self._commit))
        self.next_missed.on_click(guard(self.messages, lambda: self._step("missed")))
        self.next_false.on_click(guard(self.messages, lambda: self._step("false")))

    # ---- what is judged

    def _judge(self, threshold: float) -> Judgement:
        """Judged once for each threshold."""
        way = (self.kind.value, self.tolerance.value if self.kind.value == "divisions" else 0)
        key = (*way, round(threshold, 4))
        if way not in self._judges:
            options = {"max_distance_um": self.max_distance_um, "tolerance": way[1]}
            self._judges[way] = make_judge(way[0], *self._select_judged(way[0]), **options)
        if key not in self._judgements:
            self._judgements[key] = self._judges[way](key[-1])
        return self._judgements[key]

    def _select_judged(self, kind: str | None = None) -> tuple[Annotations, Annotations]:
        """Truth and what was found; positions at some of many time points, all else at all.

        Args:
            kind: None: what is judged now.
        """
        return self._few if (kind or self.kind.value) == "positions" else (self.truth, self.found)

    def _find_curve(self) -> list[Judgement]:
        return [self._judge(float(threshold)) for threshold in DEFAULT_THRESHOLDS]

    def _go_to_best(self) -> None:
        f1 = [judgement.f1 for judgement in self._find_curve()]
        if f1[0] is None:
            raise UserError(
                f"A threshold can only be chosen where there is something to find. Received: no true {self.kind.value} "
                f"in {self.truth.name!r}. Pass a movie in which they are annotated."
            )
        best = np.flatnonzero(np.array(f1) >= max(f1) - 1e-12)
        self.threshold.value = float(DEFAULT_THRESHOLDS[best[len(best) // 2]])

    def _commit(self) -> None:
        self.committed[self.kind.value] = round(self.threshold.value, 4)
        self._show()
        self.messages.say(f"Committed: {self.describe()}")

    # ---- what is shown

    def _show(self) -> None:
        judgement = self.judgement
        self.tolerance.disabled = self.kind.value != "divisions"
        committed = self.committed.get(self.kind.value)
        self._curve.value = draw_threshold_curve(
            DEFAULT_THRESHOLDS, self._find_curve(), self.threshold.value, judgement, committed
        )
        truth, found = self._select_judged()
        with self.browser.at_once():
            for name, whole in (("right", found), ("missed", truth), ("false", found)):
                self.browser.set_layer(name, _take(whole, getattr(judgement, name)), _MARKS[name])
        self._show_close_ups()
        self.messages.say(self.describe() + self._say_part())

    def _say_part(self) -> str:
        judged, all_times = (
            self._select_judged()[0].annotated_time_points,
            self.truth.annotated_time_points,
        )
        return (
            f" Judged at {len(judged)} of {len(all_times)} time points."
            if len(judged) < len(all_times)
            else ""
        )

    def _show_close_ups(self) -> None:
        time_point = self.browser.time_point.value
        stack = self._pictures.at(time_point, self.browser.channels.value)
        if stack.reduced > 1:
            self._close_ups.value = ""
            return
        rows = make_close_ups(
            self.movie, stack.values, time_point, *self._select_judged(), self.judgement
        )
        words = f"Mistakes at time point {time_point} in close-up; rings are true positions."
        self._close_ups.value = (
            draw_panes(rows, words, 105) or f"No mistake at time point {time_point}."
        )

    def _step(self, name: str) -> None:
        """The movie goes to the next mistake of a kind; all of the same time point come after each
        other.
        """
        whole = self._select_judged()[0 if name == "missed" else 1]
        rows = getattr(self.judgement, name)
        if not len(rows):
            self.messages.say(f"Nothing is {name} at this threshold.")
            return
        rows = rows[np.argsort(whole.time_points[rows], kind="stable")]
        self._reached[name] = (self._reached[name] + 1) % len(rows)
        row = rows[self._reached[name]]
        self.browser.go_to(int(whole.time_points[row]), whole.positions[row])
        self.messages.say(f"{name.capitalize()}, {self._reached[name] + 1} of {len(rows)}.")


def _take(whole: Annotations, rows: np.ndarray) -> Annotations:
    """These positions with their properties, without links: a link may be right where another one
    is false.
    """
    properties = {name: values[rows] for name, values in whole.properties.items()}
    return Annotations(whole.positions[rows], whole.time_points[rows], properties=properties)


def _thin_out(truth: Annotations, found: Annotations) -> tuple[Annotations, Annotations]:
    """Both at some of many time points, evenly chosen."""
    times = truth.annotated_time_points
    affordable = int(_MOST_POSITIONS * len(times) / max(len(truth), 1))
    number = max(1, min(_MOST_TIME_POINTS, affordable, len(times)))
    if number >= len(times):
        return truth, found
    chosen = times[np.linspace(0, len(times) - 1, number).round().astype(int)]
    return tuple(each.select(np.isin(each.time_points, chosen)) for each in (truth, found))
