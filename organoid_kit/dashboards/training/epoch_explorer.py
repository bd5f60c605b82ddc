"""What a network knew after each epoch: a slider over a run, during the training or later."""

from pathlib import Path

from ipywidgets import HTML, IntSlider

from organoid_kit.dashboards.parts import Dashboard, add_controls, common, refuse_if
from organoid_kit.dashboards.training.pictures import draw_curves, draw_example
from organoid_kit.plots import Drawing, curves
from organoid_kit.training import Run, describe_history, epoch_pictures, runs


class EpochExplorer(Dashboard):
    """The curves of a run with a marker at one epoch, and what its network answered to one example.

    Attributes:
        epoch: slider over the finished epochs.
        best: button, goes to the epoch whose network is kept.
        refresh: button, looks for epochs that were finished meanwhile.
    """

    kept, shows_errors = ("epoch",), True

    def __init__(self, run: Run | str | Path) -> None:
        """Reads the run's folder, without Keras. Raises UserError where no epoch is finished."""
        self.run = run if isinstance(run, Run) else Run(Path(run))
        shown = {name: HTML() for name in ("curves", "example", "reading")}
        slider = IntSlider(1, 1, 1, description="epoch", **common.fit("420px"))
        add_controls(self, epoch=slider, **shown)
        self._add_buttons(
            best=("Best epoch", "The epoch whose network is kept", self._go_to_best),
            refresh=("Look again", "While a training goes on, more epochs come", self._reload),
        )
        self._reload()
        self._connect(self.show, self.epoch)
        self._go_to_best()
        controls = common.wrap_row(self.epoch, self.best, self.refresh)
        super().__init__([controls, self.reading, self.example, self.curves, self.messages])

    def _reload(self) -> None:
        pictures = epoch_pictures.list_pictures(self.run.folder)
        refuse_if(not pictures, "pictures", folder=self.run.folder)
        self.history = self.run.history
        self.epoch.max, self.epoch.min = pictures[-1], pictures[0]
        self.show()

    def _find_best(self) -> int:
        best = runs.find_best(self.history)
        return best["epoch"] if best else self.epoch.max

    def _go_to_best(self) -> None:
        self.epoch.value = self._find_best()

    def show(self) -> None:
        """Draws the epoch of the slider."""
        with self.messages.watch():
            epoch = self.epoch.value
            self.curves.value = draw_curves(self.history, epochs=self.epoch.max, marked=epoch)
            self.reading.value = common.make_status(self.describe())
            self.example.value = draw_example(epoch_pictures.read_picture(self.run.folder, epoch))

    def describe(self) -> str:
        """The numbers of the epoch, and how the whole training went."""
        epoch = self.epoch.value
        best = ", the best one" if epoch == self._find_best() else ""
        texts = [f"Epoch {epoch} of {self.epoch.max}{best}."]
        for row in (row for row in self.history if row["epoch"] == epoch):
            numbers = [f"Loss {row['loss']:.4f} in training"]
            numbers.append(f"{row['validation_loss']:.4f} in validation")
            known = [key for key in runs.QUALITIES if row.get(key) is not None]
            numbers += [f"{runs.QUALITIES[key]} {row[key]:.3f}" for key in known]
            texts.append(f"{', '.join(numbers)}.")
        return " ".join([*texts, describe_history(self.history)])

    def plot(self) -> Drawing:
        """The same for print."""
        picture = epoch_pictures.read_picture(self.run.folder, self.epoch.value)
        return curves.plot_epoch(picture, self.history, title=self.describe())
