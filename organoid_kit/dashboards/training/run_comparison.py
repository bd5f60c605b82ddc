"""What few annotations and wrong ones do to a network: sliders over trainings measured before."""

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from ipywidgets import Layout

from organoid_kit.base import refuse_if
from organoid_kit.base.files import read_json
from organoid_kit.course import measured, read_demonstration
from organoid_kit.course.figures import plot_annotated_positions
from organoid_kit.dashboards.parts import Dashboard, common
from organoid_kit.dashboards.training.pictures import draw_example
from organoid_kit.plots.drawing import Drawing, count, write_png
from organoid_kit.training import EpochPicture

_STARTS = ("from scratch", "fine-tuned")


class RunComparison(Dashboard):
    """Scores of trainings on more and less data, with more and fewer wrong annotations.

    Attributes:
        start: toggle, from scratch or from the shipped network.
        time_points: slider, annotated time points to learn from; 0 is the shipped network as it is.
        error_rate: slider, part of the annotations that are wrong.
    """

    kept, shows_errors = ("start", "time_points", "error_rate"), True

    def __init__(self, table: str | Path | Mapping[str, Any] | None = None) -> None:
        """Takes a file of ``benchmarks/annotations.py``, or its content; None: the kit's table."""
        if not isinstance(table, Mapping):
            table = read_demonstration("annotations") if table is None else read_json(table)
        refuse_if(not table.get("records"), "records")
        self.table = table
        starts = {(record["start"] != "scratch", record["start"]) for record in table["records"]}
        self._add_controls(
            "comparison",
            start={"options": [(_STARTS[tuned], start) for tuned, start in sorted(starts)]},
            time_points={"options": self._list_options("time_points", str)},
            error_rate={"options": self._list_options("error_rate", _format_rate)},
            chart={"layout": Layout(max_width="700px")},
        )
        self.time_points.value = max(record["time_points"] for record in table["records"])
        self.show()
        controls = self._kept.values()
        self._connect(self.show, *controls)
        super().__init__([*controls, self.scores, self.example, self.chart, self.messages])

    def _list_options(self, key: str, name: Callable[[Any], str]) -> list[tuple[str, Any]]:
        values = sorted({record[key] for record in self.table["records"]})
        return [(name(value), value) for value in values]

    def chosen(self) -> measured.Records:
        """The trainings with these values, one for each seed."""
        return measured.choose_records(self.table, **self.state())

    def show(self) -> None:
        """Draws what was measured for the values of the controls."""
        with self.messages.watch():
            self.scores.value = common.make_status(self.describe())
            self.chart.value = write_png(self.plot())
            shown = [record["prediction"] for record in self.chosen() if "prediction" in record]
            self.example.value = draw_example(self._make_picture(shown[0])) if shown else ""

    def describe(self) -> str:
        """The scores in words, with their spread."""
        records, rate = self.chosen(), _format_rate(self.error_rate.value)
        if not records:
            alike = measured.choose_records(self.table, error_rate=self.error_rate.value)
            found = sorted({(each["start"] != "scratch", each["time_points"]) for each in alike})
            there = "; ".join(f"{_STARTS[tuned]}, time points: {number}" for tuned, number in found)
            return f"Not measured. With {rate} wrong annotations there is: {there}."
        data = "The shipped network as it is"
        if self.time_points.value:
            positions = round(np.mean([record["positions"] for record in records]))
            data = f"{count(positions, 'annotated position')}, {rate} of them wrong"
        names = {"f1": "F1", "precision": "precision", "recall": "recall"}
        scores = [f"{name} {measured.describe_spread(records, key)}" for key, name in names.items()]
        spread = f"mean (lowest to highest) of {count(len(records), 'training')}"
        scores = f"{', '.join(scores)} on {self.table['judged_on']}; {spread}"
        return f"{data}: {scores}. Measured on {self.table['machine']}."

    def _make_picture(self, prediction: str) -> EpochPicture:
        example = self.table["example"]
        pictures = (example["image"], example["target"], prediction)
        image, target, answer = (imagecodecs.png_decode(base64.b64decode(png)) for png in pictures)
        return EpochPicture(
            network="position",
            epoch=self.table["epochs"],
            images=image[None, None],
            targets=target[None] / 255,
            answers=answer[None] / 255,
            positions=np.array(example["positions"]).reshape(-1, 2),
            spacing_um=tuple(example["spacing_um"]),
        )

    def plot(self) -> Drawing:
        """F1 over the amount of data, a line for each kind of training; rings around the chosen."""
        return plot_annotated_positions(self.table["records"], marked=tuple(self.state().values()))


def _format_rate(rate: float) -> str:
    return f"{100 * rate:g} %"
