"""Move the threshold, and see precision, recall and F1, and what is right, missed and false."""

import dataclasses
from collections.abc import Sequence
from functools import cache, partial

import numpy as np
import traitlets
from ipywidgets import VBox

from organoid_kit.base import refuse_if
from organoid_kit.dashboards.parts import Dashboard, wrap_row
from organoid_kit.dashboards.parts.dashboard import Later
from organoid_kit.dashboards.parts.svg import Diagram, Pane, Points, draw_panes, wrap_svg
from organoid_kit.dashboards.stack.browser import StackBrowser
from organoid_kit.dashboards.stack.pictures import FAINT_PLANES, StackPictures
from organoid_kit.dashboards.threshold import judging
from organoid_kit.data import AnnotatedMovie, Annotations, TimeLapse
from organoid_kit.evaluation.matching import choose_radius_um
from organoid_kit.evaluation.positions import DEFAULT_THRESHOLDS, ThresholdCurve, format_score
from organoid_kit.examples.patches import make_grey
from organoid_kit.plots import Drawing
from organoid_kit.plots.curves import SCORES, plot_threshold_curve
from organoid_kit.plots.drawing import FALSE, LINES, MISSED, NEAR_PLANES, POSITION, RIGHT, Mark

# Positions are judged at so many, evenly chosen; that takes a second.
_MOST_TIME_POINTS, _MOST_POSITIONS = 30, 5000
_MARKS = {"right": RIGHT, "missed": MISSED, "false": FALSE}
_START = 0.5
_NEAR_BEST = 0.8  # of the highest F1: thresholds that are worth looking at
_COLUMN = {"width": "500px", "max_width": "98%"}
_CLOSE_UP_UM, _MOST_CLOSE_UPS = 10.0, 4  # around a mistake; of each kind


class ThresholdExplorer(Dashboard):
    """What a threshold does to predictions of which the truth is known, without predicting again.

    Choose a threshold on validation movies, never on those you test with.

    Args:
        found: with "probability", "division_probability" or "link_probability".
        channels, drawn_by: as of the `StackBrowser`.
        max_distance_um: a found position is right this close to a true one, one-to-one. None:
            5 µm, or what follows the size of nuclei that the movie states.

    Attributes:
        kind: "positions", "divisions" or "links", whichever have probabilities.
        threshold, tolerance: sliders, see `make_judge`.
        missed_cost, false_cost: what a missed and a false one cost, in whatever is counted.
        best, cheapest: buttons: to the threshold of highest F1, and to that of the lowest cost.
        commit: button, notes the threshold in `committed`, by kind.
        next_missed, next_false: buttons that lead from mistake to mistake in the `browser`.

    Raises UserError where nothing has a probability, or the spacing is unknown or differs.
    """

    kept = ("kind", "threshold", "tolerance", "missed_cost", "false_cost", "browser", "committed")
    committed = traitlets.Dict(traitlets.CFloat(), key_trait=traitlets.Unicode())

    def __init__(
        self,
        truth: AnnotatedMovie,
        found: Annotations,
        *,
        channels: Sequence[int] | None = None,
        max_distance_um: float | None = None,
        drawn_by: str = "auto",
    ) -> None:
        kinds = judging.list_kinds(truth.annotations, found)
        self.movie, self.truth, self.found = truth.movie, truth.annotations, found
        self.max_distance_um = max_distance_um or choose_radius_um([truth.movie])
        self._few = _thin_out(truth.annotations, found)
        self._make_judge = cache(lambda *what: cache(judging.make_judge(*what)))
        self._reached = {"missed": -1, "false": -1}
        self._pictures = StackPictures(truth.movie)
        self.browser = StackBrowser(truth.movie, channels=channels, drawn_by=drawn_by)
        self.browser.view.value = "maximum"
        self.browser.time_point.value = int(self.truth.annotated_time_points[0])
        self._make_controls(kinds)
        self._judge(_START)
        choices = [self.kind] if len(kinds) > 1 else []
        choices += [self.tolerance] if choices or "divisions" in kinds else []
        buttons = wrap_row(self.best, self.cheapest, self.commit, self.next_missed, self.next_false)
        costs = wrap_row(self.missed_cost, self.false_cost)
        column = VBox([self._curve, self.threshold, costs, buttons], layout=_COLUMN)
        shown = wrap_row(column, self._close_ups)
        super().__init__([*choices, shown, self.messages, self.browser])
        self._watch(self._show)()

    @property
    def judgement(self) -> judging.Judgement:
        """What is right, missed and false at the threshold."""
        return self._judge(self.threshold.value)

    def describe(self) -> str:
        """Threshold, figures and counts, in words."""
        return f"{self.kind.value.capitalize()}, {self._describe_judgement()}"

    def plot(self) -> Drawing:
        """The static twin: the curves, with the threshold."""
        shown = {"chosen": self.threshold.value, "title": self.kind.value}
        words = f"Precision, recall and F1 over the threshold. {self.describe()}"
        return plot_threshold_curve(self._judge_all(), **shown).caption(words)

    def _make_controls(self, kinds: Sequence[str]) -> None:
        low, high = float(DEFAULT_THRESHOLDS[0]), float(DEFAULT_THRESHOLDS[-1])
        self._add_controls(
            "threshold",
            kind={"options": kinds},
            threshold={"min": low, "max": high, "value": _START},
            best=self._go_to_best,
            cheapest=lambda: setattr(self.threshold, "value", self._find_cheapest()),
            commit=self._commit,
            next_missed=partial(self._step, "missed"),
            next_false=partial(self._step, "false"),
        )
        self._connect(self._show, self.kind, self.tolerance)
        # The curve follows while one drags, the movie afterwards.
        later = Later(self._watch(self._show_movie), 0.25)
        self._connect(self._show_figures, self.threshold)
        self._connect(later.ask, self.threshold)
        self._connect(self._show_figures, self.missed_cost, self.false_cost)
        self._connect(self._show_close_ups, self.browser.time_point, self.browser.channels)
        self.observe(self._watch(self._show), "committed")

    def _judge(self, threshold: float) -> judging.Judgement:
        kind = self.kind.value
        tolerance = self.tolerance.value if kind == "divisions" else 0
        judge = self._make_judge(kind, *self._judged, self.max_distance_um, tolerance)
        return judge(round(threshold, 4))

    @property
    def _judged(self) -> tuple[Annotations, Annotations]:
        """Truth and what was found; positions at some of many time points, all else at all."""
        return self._few if self.kind.value == "positions" else (self.truth, self.found)

    def _judge_all(self) -> ThresholdCurve:
        judgements = [self._judge(float(threshold)) for threshold in DEFAULT_THRESHOLDS]
        return ThresholdCurve(DEFAULT_THRESHOLDS, tuple(judgements))

    def _go_to_best(self) -> None:
        curve = self._judge_all()
        where = {"kind": self.kind.value, "name": self.truth.name}
        refuse_if(curve.scores[0].recall is None, "nothing to find", **where)
        self.threshold.value = curve.best()

    def _find_cheapest(self) -> float:
        """The threshold whose mistakes cost least; of several, the middle one."""
        missed, false = self.missed_cost.value, self.false_cost.value
        is_cost = 0 <= missed < np.inf and 0 <= false < np.inf
        refuse_if(not is_cost, "cost", missed=missed, false=false)
        curve = self._judge_all()
        costs = np.array([missed * each.missed + false * each.false for each in curve.scores])
        cheapest = curve.thresholds[costs == costs.min()]
        return float(cheapest[len(cheapest) // 2])

    def _commit(self) -> None:
        self.committed = self.committed | {self.kind.value: round(self.threshold.value, 4)}
        self.messages.say(f"Committed: {self.describe()}")

    def _show(self) -> None:
        self.tolerance.disabled = self.kind.value != "divisions"
        self._show_figures()
        self._show_movie()

    def _show_movie(self) -> None:
        truth, found = self._judged
        with self.browser.at_once():
            for name, whole in (("right", found), ("missed", truth), ("false", found)):
                rows = self.judgement.rows[name]
                known = {key: values[rows] for key, values in whole.properties.items()}
                # without links: one link of a position may be right and another one false
                part = Annotations(whole.positions[rows], whole.time_points[rows], properties=known)
                self.browser.set_layer(name, part, _MARKS[name])
        self._show_close_ups()

    def _show_figures(self) -> None:
        self._curve.value = self._draw_curve()
        judged, known = (len(each.annotated_time_points) for each in (self._judged[0], self.truth))
        part = f" Judged at {judged} of {known} time points." if judged < known else ""
        self.messages.say(self.describe() + part)

    def _show_close_ups(self) -> None:
        time_point, shown = self.browser.time_point.value, ""
        stack = self._pictures.at(time_point, self.browser.channels.value)
        if stack.reduced == 1:
            rows = self._make_close_ups(stack.values, time_point)
            words = f"Mistakes at time point {time_point} in close-up; rings are true positions."
            shown = draw_panes(rows, words, 105) or f"No mistake at time point {time_point}."
        self._close_ups.value = shown

    def _describe_judgement(self) -> str:
        now = self.judgement
        figures = [f"{name} {format_score(getattr(now, key))}" for key, name in SCORES.items()]
        counts = f"{now.matched} right, {now.missed} missed, {now.false} false"
        return f"threshold {self.threshold.value:.2f}: {', '.join(figures)} ({counts})."

    def _draw_curve(self) -> str:
        """The figures over the threshold, an upright line at it, a flag at what was committed."""
        curve, threshold, cheapest = self._judge_all(), self.threshold.value, self._find_cheapest()
        committed = self.committed.get(self.kind.value)
        marks = [each for each in (threshold, cheapest, committed) if each is not None]
        left, right, low = _find_trade_off(curve, marks)
        diagram = Diagram((466, 260), (left, right), (low, 1), ("threshold", ""))
        diagram.add_upright(threshold)
        for style, (key, name) in zip(LINES, SCORES.items(), strict=False):
            values = np.array([getattr(judgement, key) for judgement in curve.scores], float)
            value, points = getattr(self.judgement, key), np.c_[curve.thresholds, values]
            diagram.add_line(points, style, f"{name} {format_score(value, digits=2)}", every=8)
            if value is not None and value >= low:
                diagram.add_point(threshold, value, {**style, "fill": "#fff"}, 5)
        diagram.add_flag(cheapest, "lowest cost", 14)
        if committed is not None:
            diagram.add_flag(committed, "committed")
        words = f"Precision, recall and F1 over the threshold; now {self._describe_judgement()}"
        return wrap_svg(diagram.draw(), diagram.width, diagram.height, words)

    def _make_close_ups(self, stack: np.ndarray, time_point: int) -> list[list[Pane]]:
        """A row for each kind of mistake; the stack, (z, y, x) uint8, is as it is shown."""
        rows, now, (truth, found) = [], self.judgement.rows, self._judged
        known = truth.positions_at(time_point)
        for mark, whole, wrong in ((MISSED, truth, now["missed"]), (FALSE, found, now["false"])):
            here = whole.positions[wrong[whole.time_points[wrong] == time_point]]
            shown = here[:_MOST_CLOSE_UPS]
            if len(here):
                panes = [_make_close_up(self.movie, stack, known, each, mark) for each in shown]
                more = f", {len(shown)} of {len(here)}" if len(here) > len(shown) else ""
                panes[0] = dataclasses.replace(panes[0], title=f"{mark.name}{more}", bar=True)
                rows.append(panes)
        return rows

    def _step(self, name: str) -> None:
        whole = self._judged[0 if name == "missed" else 1]
        rows = judging.sort_by_time(whole, self.judgement.rows[name])
        if not len(rows):
            self.messages.say(f"Nothing is {name} at this threshold.")
            return
        self._reached[name] = (self._reached[name] + 1) % len(rows)
        row = rows[self._reached[name]]
        self.browser.go_to(int(whole.time_points[row]), whole.positions[row])
        self.messages.say(f"{name.capitalize()}, {self._reached[name] + 1} of {len(rows)}.")


def _find_trade_off(curve: ThresholdCurve, marks: Sequence[float]) -> tuple[float, float, float]:
    """Where F1 is not far below its best: the lowest and highest threshold, the lowest figure."""
    rows = [[getattr(each, key) for key in SCORES] for each in curve.scores]
    figures = np.array(rows, float)
    if not (near := figures[:, -1] >= _NEAR_BEST * np.nanmax([0, *figures[:, -1]])).any():
        return 0.0, 1.0, 0.0
    ends = [*curve.thresholds[near][[0, -1]], *marks]
    low = np.floor(10 * np.nanmin(figures[near])) / 10
    return max(0.0, min(ends) - 0.02), min(1.0, max(ends) + 0.02), float(min(low, 0.8))


def _thin_out(truth: Annotations, found: Annotations) -> tuple[Annotations, Annotations]:
    times = truth.annotated_time_points
    affordable = int(_MOST_POSITIONS * len(times) / max(len(truth), 1))
    number = max(1, min(_MOST_TIME_POINTS, affordable, len(times)))
    if number >= len(times):
        return truth, found
    chosen = times[np.linspace(0, len(times) - 1, number).round().astype(int)]
    return tuple(part.select(np.isin(part.time_points, chosen)) for part in (truth, found))


def _make_close_up(
    movie: TimeLapse, stack: np.ndarray, truth: np.ndarray, centre: np.ndarray, mark: Mark
) -> Pane:
    """A square around a position, with true ones up to three planes away; black outside."""
    spacing_yx = np.array(movie.spacing_um)[1:]
    half = np.maximum(1, np.round(_CLOSE_UP_UM / spacing_yx)).astype(int)
    z, *middle = np.clip(np.round(centre).astype(int), 0, np.array(stack.shape) - 1)
    padded = np.pad(stack[z], [(width, width) for width in half])
    pixels = padded[tuple(slice(at, at + 2 * width + 1) for at, width in zip(middle, half))]
    corner = np.array(middle) - half - 0.5
    near = (np.abs(truth - centre) <= [FAINT_PLANES, *half]).all(axis=1)
    points = tuple(
        Points(kind, (shown[:, 1:] - corner) * spacing_yx, np.abs(shown[:, 0] - z) <= NEAR_PLANES)
        for kind, shown in ((POSITION, truth[near]), (mark, centre[None]))
    )
    return Pane("", make_grey(pixels, (0, 255)), spacing_yx, points)
