"""What a network knew after each epoch: a slider over a run, during the training or long after it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ipywidgets import HTML, Button, HBox, IntSlider, Layout, VBox

from organoid_kit.base.errors import UserError
from organoid_kit.dashboards.common import WIDE, Messages, make_status, mark
from organoid_kit.dashboards.example_pictures import draw_example
from organoid_kit.dashboards.live_curves import draw_curves
from organoid_kit.plots.drawing import Drawing
from organoid_kit.plots.epochs import plot_epoch
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.epoch_pictures import list_pictures, read_picture
from organoid_kit.training.runs import QUALITIES, Run, find_best


class EpochExplorer(VBox):
    """The curves of a run with a marker at one epoch, and what the network of that epoch answered
    to one example.

    Attributes:
        epoch: slider over the finished epochs.
        best: button, goes to the epoch whose network is kept.
        refresh: button, looks for epochs that were finished meanwhile.
        curves, example, reading, messages: what is shown.
        run: the run.
    """

    def __init__(self, run: Run | str | Path) -> None:
        """Reads the run's folder; needs no network and no Keras.

        Raises:
            UserError: the folder holds no run, or no picture of an epoch.
        """
        self.run = run if isinstance(run, Run) else Run(Path(run))
        self.messages = Messages()
        self.epoch = IntSlider(
            min=1, max=1, description="epoch", style=WIDE, layout=Layout(width="420px")
        )
        self.best = Button(description="Best epoch", tooltip="The epoch whose network is kept")
        self.refresh = Button(
            description="Look again", tooltip="While a training goes on, more epochs come"
        )
        for name in ("curves", "example", "reading"):
            setattr(self, name, mark(HTML(), f"ok-{name}"))
        for name in ("epoch", "best", "refresh"):
            mark(getattr(self, name), f"ok-{name}")
        self.reload_history()
        self.epoch.value = self._find_best()
        self.show()
        self.epoch.observe(lambda _: self.show(), "value")
        self.best.on_click(lambda _: self._go_to_best())
        self.refresh.on_click(lambda _: self._reload_history())
        controls = HBox([self.epoch, self.best, self.refresh], layout=Layout(flex_flow="row wrap"))
        super().__init__([controls, self.reading, self.example, self.curves, self.messages])

    def reload_history(self) -> None:
        """Reads how far the run came.

        Raises:
            UserError: there is no picture of an epoch.
        """
        pictures = list_pictures(self.run.folder)
        if not pictures:
            raise UserError(
                f"A run can be explored once an epoch is finished. Received: no picture in {self.run.folder}. Wait for "
                "the first epoch; runs of an earlier version of the kit have no pictures."
            )
        self.history = self.run.history
        self.epoch.max, self.epoch.min = pictures[-1], pictures[0]

    def _reload_history(self) -> None:
        with self.messages.watch():
            self.reload_history()
            self.show()

    def _find_best(self) -> int:
        best = find_best(self.history)
        return best["epoch"] if best else self.epoch.max

    def _go_to_best(self) -> None:
        self.epoch.value = self._find_best()

    def show(self) -> None:
        """Draws the epoch of the slider."""
        with self.messages.watch():
            epoch = self.epoch.value
            self.curves.value = draw_curves(self.history, epochs=self.epoch.max, marked=epoch)
            self.reading.value = make_status(self.describe())
            self.example.value = draw_example(read_picture(self.run.folder, epoch))

    def describe(self) -> str:
        """The numbers of the epoch, and how the whole training went."""
        epoch = self.epoch.value
        rows = [row for row in self.history if row["epoch"] == epoch]
        words = [
            f"Epoch {epoch} of {self.epoch.max}{', the best one' if epoch == self._find_best() else ''}."
        ]
        for row in rows:
            measured = [
                f"{words} {row[key]:.3f}"
                for key, words in QUALITIES.items()
                if row.get(key) is not None
            ]
            losses = [
                f"Loss {row['loss']:.4f} in training, {row['validation_loss']:.4f} in validation"
            ]
            words.append(f"{', '.join([*losses, *measured])}.")
        return " ".join([*words, describe_history(self.history)])

    def plot(self) -> Drawing:
        """The same for print."""
        return plot_epoch(
            read_picture(self.run.folder, self.epoch.value), self.history, title=self.describe()
        )

    def state(self) -> dict[str, Any]:
        """The epoch."""
        return {"epoch": self.epoch.value}

    def restore(self, state: dict[str, Any]) -> None:
        """Goes to the epoch that `state` gave."""
        with self.messages.watch():
            self.epoch.value = int(state["epoch"])
