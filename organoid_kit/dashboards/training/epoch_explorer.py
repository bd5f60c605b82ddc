"""What a network knew after each epoch: a slider over a run, during the training or later."""

from pathlib import Path

from organoid_kit.base import refuse_if
from organoid_kit.dashboards.parts import Dashboard, common
from organoid_kit.dashboards.training.pictures import draw_curves, draw_example
from organoid_kit.plots import Drawing, curves
from organoid_kit.training import Run, describe_history, epoch_pictures, runs


class EpochExplorer(Dashboard):
    """The curves of a run with a marker at one epoch, and what its network answered to one example.

    Takes a run, to choose it among those of its folder, or a folder of runs; needs no Keras.

    Attributes:
        chosen_run: which run, by the name of its folder.
        epoch: slider over the finished epochs.
        best: button, goes to the epoch whose network is kept.
        refresh: button, looks for runs and epochs that came meanwhile.

    Raises UserError where no epoch is finished.
    """

    kept, shows_errors = ("chosen_run", "epoch"), True

    def __init__(self, run: Run | str | Path) -> None:
        self._folder = (run.folder if isinstance(run, Run) else Path(run)).absolute()
        self._add_controls("epochs", best=self._go_to_best, refresh=self._reload)
        self._reload()
        self._connect(self.show, self.epoch)
        self._connect(self._show_run, self.chosen_run)
        self._connect(self._go_to_best, self.chosen_run)
        self._watch(self._go_to_best)()
        controls = common.wrap_row(self.epoch, self.best, self.refresh)
        shown = [self.reading, self.example, self.curves, self.messages, self.lacking]
        super().__init__([self.chosen_run, controls, *shown])

    def _reload(self) -> None:
        inside = sorted(self._folder.glob("*/run.json"))
        beside = {*self._folder.parent.glob("*/run.json"), self._folder / "run.json"}
        folders = [file.parent for file in inside or sorted(beside)]
        known = {each.name: each for each in folders if epoch_pictures.list_pictures(each)}
        refuse_if(not known, "pictures", folder=self._folder)
        without = ", ".join(each.name for each in folders if each.name not in known)
        text = f"Not listed, as no epoch is finished or has a picture: {without}."
        self.lacking.value = common.make_status(text, role="note") if without else ""
        self._runs, wanted = known, self.chosen_run.value or self._folder.name
        if self.chosen_run.options != tuple(known):
            self.chosen_run.options = tuple(known)
            self.chosen_run.value = wanted if wanted in known else list(known)[-1]
        self._show_run()

    def _show_run(self) -> None:
        self.run = Run(self._runs[self.chosen_run.value])
        pictures = epoch_pictures.list_pictures(self.run.folder)
        self.history = self.run.history
        self.epoch.min, self.epoch.max, self.epoch.min = 0, pictures[-1], pictures[0]
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
