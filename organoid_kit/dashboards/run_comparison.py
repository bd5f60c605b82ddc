"""What wrong annotations and few annotations do to a network: sliders over trainings that were measured before."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from ipywidgets import HTML, Image, Layout, SelectionSlider, VBox

from organoid_kit.dashboards.common import WIDE, Messages, mark, write_status
from organoid_kit.dashboards.example_pictures import draw_example
from organoid_kit.epoch_pictures import EpochPicture
from organoid_kit.errors import UserError
from organoid_kit.files import read_json
from organoid_kit.plots.drawing import Drawing, count, say_number, write_png
from organoid_kit.plots.epochs import plot_annotation_errors

Records = Sequence[Mapping[str, Any]]


class RunComparison(VBox):
    """Scores of trainings on more and less data, with more and fewer wrong annotations, as they were measured.

    Attributes:
        time_points: slider, annotated time points to learn from.
        error_rate: slider, part of the annotations that are wrong.
        scores, chart, example, messages: what is shown.
    """

    def __init__(self, table: str | Path | Mapping[str, Any]) -> None:
        """Takes what ``benchmarks/annotation_errors.py`` has written: the path of the JSON file, or what it holds.

        Raises:
            UserError: the table has no records.
        """
        self.table = table if isinstance(table, Mapping) else read_json(table)
        if not self.table.get("records"):
            raise UserError(
                "A comparison needs measured trainings. Received: a table without records. Make one with "
                "benchmarks/annotation_errors.py."
            )
        self.messages = Messages()
        self.time_points = self._make_slider("time_points", "annotated time points", str)
        self.error_rate = self._make_slider("error_rate", "wrong annotations", lambda rate: f"{100 * rate:g} %")
        self.scores, self.example = mark(HTML(), "ok-scores"), mark(HTML(), "ok-example")
        self.chart = mark(Image(format="png", layout=Layout(max_width="640px")), "ok-chart")
        self.show()
        for slider in (self.time_points, self.error_rate):
            slider.observe(lambda _: self.show(), "value")
        super().__init__([self.time_points, self.error_rate, self.scores, self.example, self.chart, self.messages])

    def _make_slider(self, key: str, words: str, name) -> SelectionSlider:
        """Over the values there are."""
        values = sorted({record[key] for record in self.table["records"]})
        options = [(name(value), value) for value in values]
        slider = SelectionSlider(options=options, description=words, style=WIDE, layout=Layout(width="420px"))
        return mark(slider, f"ok-{key.replace('_', '-')}")

    def chosen(self) -> Records:
        """The trainings with these values, one for each seed."""
        wanted = {"time_points": self.time_points.value, "error_rate": self.error_rate.value}
        return [record for record in self.table["records"] if wanted.items() <= record.items()]

    def show(self) -> None:
        """Draws what was measured for the values of the sliders."""
        with self.messages.watch():
            self.scores.value = write_status(self.describe())
            self.chart.value = write_png(self.plot())
            shown = [record["prediction"] for record in self.chosen() if "prediction" in record]
            self.example.value = draw_example(self._make_picture(shown[0])) if shown else ""

    def describe(self) -> str:
        """The scores in words, with their spread."""
        records = self.chosen()
        if not records:
            return "Not measured."
        words = [f"{name} {_say_spread([record[key] for record in records])}" for key, name in _SCORES]
        positions = round(np.mean([record["positions"] for record in records]))
        return (
            f"{count(positions, 'annotated position')}, {100 * self.error_rate.value:g} % of them wrong: "
            f"{', '.join(words)} on {self.table['judged_on']}, "
            f"mean (lowest to highest) of {count(len(records), 'seed')}. Measured on {self.table['machine']}."
        )

    def _make_picture(self, prediction: str) -> EpochPicture:
        example = self.table["example"]
        image, target, answer = (_read_png(each) for each in (example["image"], example["target"], prediction))
        positions, spacing_um = np.array(example["positions"]).reshape(-1, 2), tuple(example["spacing_um"])
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
        """F1 over the amount of data, a line for each error rate; a ring around what the sliders say."""
        return plot_annotation_errors(self.table["records"], marked=(self.time_points.value, self.error_rate.value))

    def state(self) -> dict[str, Any]:
        """The values of the sliders."""
        return {"time_points": self.time_points.value, "error_rate": self.error_rate.value}

    def restore(self, state: dict[str, Any]) -> None:
        """Sets the sliders to what `state` gave."""
        with self.messages.watch():
            for name, value in state.items():
                getattr(self, name).value = value


_SCORES = (("f1", "F1"), ("precision", "precision"), ("recall", "recall"))


def _say_spread(values: Sequence[float | None]) -> str:
    """Mean, lowest and highest."""
    known = [value for value in values if value is not None]
    if not known:
        return "not measured"
    return f"{say_number(float(np.mean(known)))} ({min(known):.2f} to {max(known):.2f})"


def _read_png(code: str) -> np.ndarray:
    return imagecodecs.png_decode(base64.b64decode(code))
