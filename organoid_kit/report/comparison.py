"""One page on several runs: settings in which they differ, scores side by side, and curves."""

from collections.abc import Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

from organoid_kit.base import UserError
from organoid_kit.plots import plot_history
from organoid_kit.report.kinds import KINDS
from organoid_kit.report.page import render_lines, write_page
from organoid_kit.report.results import read_movie_results
from organoid_kit.training import Run
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import QUALITIES, find_best

_BEST_EPOCHS = {
    "epoch": "best epoch",
    "loss": "training loss",
    "validation_loss": "validation loss",
}


def write_comparison(
    output: str | Path,
    runs: Sequence[Run],
    *,
    json_path: str | Path | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Writes one self-contained page that compares runs of the same kind of network, and JSON.

    Args:
        output: of the page, ``.html``.
        runs: two or more.
        json_path: of the JSON file; None: beside the page, with its name.
        overwrite: replaces files that exist.

    Returns:
        What the JSON file holds.

    Raises:
        UserError: fewer than two runs, different kinds of networks, or a file exists or cannot be
            written.
    """
    networks = sorted({run.settings.network for run in runs})
    if len(runs) < 2 or len(networks) > 1:
        raise UserError(
            "A comparison needs two runs or more of one kind of network. Received: "
            f"{len(runs)} runs, {', '.join(networks) or 'none'}. "
            "Choose others; `list_runs` shows them."
        )
    facts = compare(runs)
    first, *others = runs
    histories = {run.folder.name: run.history for run in others}
    title = f"This training: {first.folder.name}"
    best = [row or {} for row in facts["best"]]
    columns = (_BEST_EPOCHS | QUALITIES).items()
    return write_page(
        output,
        "comparison.html",
        facts,
        json_path,
        overwrite,
        kind=KINDS[first.settings.network],
        history=plot_history(first.history, histories, title=title),
        best_epochs={key: words for key, words in columns if any(row.get(key) for row in best)},
    )


def compare(runs: Sequence[Run]) -> dict[str, Any]:
    """What the page says, for JSON; scores are those of the test movies that all runs share."""
    kind = KINDS[runs[0].settings.network]
    same = itemgetter("images_sha256", "annotations_sha256")  # the same images and the same truth
    results = [{same(result.data): result for result in read_movie_results(run)} for run in runs]
    shared = [key for key in results[0] if all(key in others for others in results)]
    scores = [
        kind.compute_scores([by_movie[key] for key in shared])["network"] if shared else None
        for by_movie in results
    ]
    keys = ("part", "images_sha256", "annotations_sha256")
    data = [[[movie[key] for key in keys] for movie in run.details["data"]] for run in runs]
    return {
        "runs": [run.folder.name for run in runs],
        "differences": find_differences(runs),
        "best": [find_best(run.history) for run in runs],
        "readings": [describe_history(run.history) for run in runs],
        "test_movies": [results[0][key].name for key in shared],
        "scores": scores,
        "limits": render_lines(
            "comparison_limits.txt",
            shared_movies=len(shared),
            most_movies=max(map(len, results)),
            other_data=any(movies != data[0] for movies in data),
            one_seed=len({run.settings.seed for run in runs}) == 1,
        ),
    }


def find_differences(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Settings that are not the same in all runs: name → value in each run."""
    settings = []
    for run in runs:
        values = run.settings.to_dict()
        augmentation = values.pop("augmentation").items()
        settings.append(values | {f"augmentation: {name}": value for name, value in augmentation})
    columns = {name: [values[name] for values in settings] for name in settings[0]}
    return {
        name: values
        for name, values in columns.items()
        if name != "output_folder" and any(value != values[0] for value in values)
    }
