"""What few annotations and wrong ones do to a network: sliders over trainings that were measured
before.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from ipywidgets import HTML, Image, Layout, SelectionSlider, ToggleButtons, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import read_json
from organoid_kit.course.measured import (
    Records,
    choose_records,
    describe_spread,
    read_demonstration,
)
from organoid_kit.course.figures.demonstrations import plot_annotated_positions
from organoid_kit.dashboards.common import WIDE, Messages, make_status, mark
from organoid_kit.dashboards.example_pictures import draw_example
from organoid_kit.plots.drawing import Drawing, count, write_png
from organoid_kit.training.epoch_pictures import EpochPicture

_SCORES = {"f1": "F1", "precision": "precision", "recall": "recall"}
_CONTROLS = ("start", "time_points", "error_rate")


class RunComparison(VBox):
    """Scores of trainings on more and less data, with more and fewer wrong annotations, as they
    were measured.

    Attributes:
        start: toggle, from scratch or from the shipped network.
        time_points: slider, annotated time points to learn from; 0 is the shipped network as it is.
        error_rate: slider, part of the annotations that are wrong.
        scores, chart, example, messages: what is shown.
    """

    def __init__(self, table: str | Path | Mapping[str, Any] | None = None) -> None:
        """Takes what ``benchmarks/annotations.py`` has written.

        Args:
            table: the path of the JSON file, or what it holds; None: the table that comes with the
                package.

        Raises:
            UserError: the table has no records.
        """
        self.table = _open_table(table)
        self.messages = Messages()
        self.start = self._make_start()
        self.time_points = self._make_slider("time_points", "annotated time points", str)
        self.error_rate = self._make_slider(
            "error_rate", "wrong annotations", lambda rate: f"{100 * rate:g} %"
        )
        self.time_points.value = max(each["time_points"] for each in self.table["records"])
        self.scores, self.example = mark(HTML(), "ok-scores"), mark(HTML(), "ok-example")
        self.chart = mark(Image(format="png", layout=Layout(max_width="700px")), "ok-chart")
        self.show()
        controls = [getattr(self, name) for name in _CONTROLS]
        for control in controls:
            control.observe(lambda _: self.show(), "value")
        super().__init__([*controls, self.scores, self.example, self.chart, self.messages])

    def _make_start(self) -> ToggleButtons:
        starts = sorted(
            {each["start"] for each in self.table["records"]}, key=lambda start: start != "scratch"
        )
        options = [
            ("from scratch" if start == "scratch" else "fine-tuned", start) for start in starts
        ]
        return mark(
            ToggleButtons(options=options, description="trained", style=WIDE), "ok-start-from"
        )

    def _make_slider(self, key: str, words: str, name) -> SelectionSlider:
        """Over the values there are."""
        values = sorted({record[key] for record in self.table["records"]})
        options = [(name(value), value) for value in values]
        slider = SelectionSlider(
            options=options, description=words, style=WIDE, layout=Layout(width="420px")
        )
        return mark(slider, f"ok-{key.replace('_', '-')}")

    def chosen(self) -> Records:
        """The trainings with these values, one for each seed."""
        return choose_records(self.table, **self.state())

    def show(self) -> None:
        """Draws what was measured for the values of the controls."""
        with self.messages.watch():
            self.scores.value = make_status(self.describe())
            self.chart.value = write_png(self.plot())
            shown = [record["prediction"] for record in self.chosen() if "prediction" in record]
            self.example.value = draw_example(self._make_picture(shown[0])) if shown else ""

    def describe(self) -> str:
        """The scores in words, with their spread."""
        records = self.chosen()
        if not records:
            return f"Not measured. {self._describe_measured()}"
        words = ", ".join(
            f"{name} {describe_spread(records, key)}" for key, name in _SCORES.items()
        )
        return (
            f"{self._describe_data(records)}: {words} on {self.table['judged_on']}; mean (lowest to highest) of "
            f"{count(len(records), 'training')}. Measured on {self.table['machine']}."
        )

    def _describe_measured(self) -> str:
        """What was measured with this part of wrong annotations."""
        there = [
            each for each in self.table["records"] if each["error_rate"] == self.error_rate.value
        ]
        pairs = sorted({(each["start"] != "scratch", each["time_points"]) for each in there})
        names = [
            f"{'fine-tuned' if tuned else 'from scratch'}, time points: {number}"
            for tuned, number in pairs
        ]
        return f"With {100 * self.error_rate.value:g} % wrong annotations there is: {'; '.join(names)}."

    def _describe_data(self, records: Records) -> str:
        """What the trainings learned from."""
        if not self.time_points.value:
            return "The shipped network as it is"
        positions = round(np.mean([record["positions"] for record in records]))
        return f"{count(positions, 'annotated position')}, {100 * self.error_rate.value:g} % of them wrong"

    def _make_picture(self, prediction: str) -> EpochPicture:
        example = self.table["example"]
        image, target, answer = (
            _read_png(each) for each in (example["image"], example["target"], prediction)
        )
        positions, spacing_um = (
            np.array(example["positions"]).reshape(-1, 2),
            tuple(example["spacing_um"]),
        )
        return EpochPicture(
            "position",
            self.table["epochs"],
            image[None, None],
            target[None] / 255,
            answer[None] / 255,
            positions,
            spacing_um,
        )

    def plot(self) -> Drawing:
        """F1 over the amount of data, a line for each kind of training; a ring around what the
        controls say.
        """
        return plot_annotated_positions(self.table["records"], marked=tuple(self.state().values()))

    def state(self) -> dict[str, Any]:
        """The values of the controls."""
        return {name: getattr(self, name).value for name in _CONTROLS}

    def restore(self, state: dict[str, Any]) -> None:
        """Sets the controls to what `state` gave."""
        with self.messages.watch():
            for name, value in state.items():
                getattr(self, name).value = value


def _open_table(table: str | Path | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The table, which must have records."""
    if not isinstance(table, Mapping):
        table = read_demonstration("annotations") if table is None else read_json(table)
    if not table.get("records"):
        raise UserError(
            "A comparison needs measured trainings. Received: a table without records. Make one with "
            "benchmarks/annotations.py."
        )
    return table


def _read_png(code: str) -> np.ndarray:
    return imagecodecs.png_decode(base64.b64decode(code))
