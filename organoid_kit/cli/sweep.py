"""`sweep`: a training for each network, data set, setting, fold and seed, and one table of them all."""

import itertools
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from organoid_kit import prediction, report, training
from organoid_kit.base import NetworkSettings, UserError, refuse_if
from organoid_kit.base.files import make_file_name, read_json
from organoid_kit.base.records import check_record
from organoid_kit.base.settings import NETWORKS
from organoid_kit.cli.demo import ask_network
from organoid_kit.cli.files import load_keras
from organoid_kit.cli.train import choose_settings, keep_back, show_training
from organoid_kit.cli.units import choose_share, open_executor
from organoid_kit.course.results_table import add_result, read_results
from organoid_kit.data import read_dataset
from organoid_kit.examples.batches import Movies
from organoid_kit.examples.splits import Split
from organoid_kit.report.kinds import KINDS

_GRID = {
    "data": dict[str, str],
    "test": str,
    "validation?": str,
    "folds?": int,
    "networks?": list[str],
    "settings?": dict[str, dict[str, Any]],
    "seeds?": list[int],
}


@dataclass(frozen=True)
class Cell:
    """One training of the grid; it can travel to another process."""

    variant: str  # data, settings and fold, by their names
    settings: NetworkSettings
    split: Split
    test: Movies
    output: Path

    def run(self) -> None:
        """Trains, or goes on where it was; asks the network about the test movies; adds the row."""
        begun = sorted(Path(self.settings.output_folder).glob("*/run.json"))
        resume, parts = begun[-1].parent if begun else None, self.split.parts().values()
        with show_training() as show:
            run = training.train(*parts, self.settings, resume=resume, on_progress=show)
        if run.ending.startswith("interrupted"):
            raise KeyboardInterrupt
        print(prediction.judge_run(run, *parts), flush=True)
        ask_network(run, self.test, {"channels": self.settings.channels})
        facts = report.write_report(run.folder / "report.html", run, overwrite=True)
        kind = self.settings.network
        scores = {name: facts["network"][name] for name in KINDS[kind].spread}
        tested_on = ", ".join(annotated.name for annotated in self.test)
        add_result(self.output, kind, self.variant, self.settings.seed, scores, tested_on=tested_on)


def sweep(
    grid: Path,
    output: Path,
    workers: int | None = None,
    scheduler: str | None = None,
    array: str | None = None,
) -> None:
    """Trains what is left of the grid, and prints the table; a training that fails stops no other."""
    output = output.absolute()  # also for processes that work elsewhere
    cells = list(list_cells(grid, output))
    done = {(row.network, row.variant, row.seed) for row in read_results(output).results}
    left = [
        cell
        for cell in cells[choose_share(array)]
        if (cell.settings.network, cell.variant, cell.settings.seed) not in done
    ]
    print(f"{len(cells)} trainings, of which {len(left)} are to do here")
    load_keras()
    failed = []
    if workers is None and not scheduler:
        for cell in left:
            try:
                cell.run()
            except UserError as error:
                failed.append(_report(cell, error))
    else:
        with open_executor(workers, scheduler) as means:
            futures = {means["executor"].submit(cell.run): cell for cell in left}
            while futures:
                means["tend"]()
                for future in wait(futures, 20, FIRST_COMPLETED).done:
                    cell, gone = futures.pop(future), future.cancelled()
                    if error := OSError("it ended") if gone else future.exception():
                        failed.append(_report(cell, error))
    print(read_results(output))
    refuse_if(failed, "trainings end", grid, failed="; ".join(failed))


def list_cells(grid: Path, output: Path) -> Iterator[Cell]:
    """All trainings of the grid, in its order."""
    plan = check_record(read_json(grid), _GRID, grid)
    known = [name.removesuffix("?") for name in _GRID]
    unknown = ", ".join(sorted(set(plan) - set(known)))
    refuse_if(unknown, "grid names", grid, unknown=unknown, known=", ".join(known))
    empty = [name for name, value in plan.items() if value in ({}, [])]
    refuse_if(empty, "grid parts", grid, empty=empty)
    test = read_dataset(grid.parent / plan["test"])
    movies = {data: read_dataset(grid.parent / file) for data, file in plan["data"].items()}
    kept = read_dataset(grid.parent / plan["validation"]) if "validation" in plan else None
    kinds, seeds = plan.get("networks", list(NETWORKS)), plan.get("seeds", [1, 2, 3])
    for kind, data, (name, changes) in itertools.product(
        kinds, movies, plan.get("settings", {"usual": {}}).items()
    ):
        settings = choose_settings(kind, None, None, changes)
        for fold, split in _list_folds(grid, movies[data], kept, plan.get("folds"), settings):
            variant = ", ".join(filter(None, (data, name, fold)))
            for seed in seeds:
                folder = make_file_name(f"{kind} {variant} seed {seed}")
                own = settings.changed(seed=seed, output_folder=str(output / "runs" / folder))
                yield Cell(variant, own, split, test, output)


def _list_folds(
    grid: Path, movies: Movies, kept: Movies | None, folds: int | None, settings: NetworkSettings
) -> Iterator[tuple[str, Split]]:
    """Each with its name, empty where there is one only."""
    if kept is not None:
        yield "", Split(movies, kept)
    elif folds is None:
        yield "", keep_back(movies, settings)
    else:
        keys = [(one.movie.path, one.movie.name) for one in movies]
        known = list(dict.fromkeys(keys))  # a movie is kept back in all its pieces
        refuse_if(not 2 <= folds <= len(known), "folds", grid, folds=folds, movies=len(known))
        for fold in range(folds):
            parts = [], []
            for one, key in zip(movies, keys, strict=True):
                parts[known.index(key) % folds == fold].append(one)
            yield f"fold {fold + 1} of {folds}", Split(*parts)


def _report(cell: Cell, error: BaseException) -> str:
    name = Path(cell.settings.output_folder).name
    print(f"{name}: failed. {error}")
    return name
