"""One page on several runs: the settings in which they differ, scores side by side, curves over
each other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import write_json_safely, write_text_safely
from organoid_kit.plots.curves import plot_history
from organoid_kit.report.page import (
    build_page,
    format_value,
    join_words,
    make_figure,
    make_list,
    make_paragraph,
    make_table,
)
from organoid_kit.report.results import Result, read_results
from organoid_kit.report.run_page import choose_kind
from organoid_kit.training.diagnosis import describe_history
from organoid_kit.training.runs import QUALITIES, Run, find_best


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
    _check_runs(runs)
    facts = compare(runs)
    page = build_page(
        f"{len(runs)} runs beside each other", facts["written"], _make_sections(runs, facts)
    )
    write_text_safely(output, page, overwrite=overwrite)
    write_json_safely(json_path or Path(output).with_suffix(".json"), facts, overwrite=overwrite)
    return facts


def _check_runs(runs: Sequence[Run]) -> None:
    kinds = sorted({run.settings.network for run in runs})
    if len(runs) < 2 or len(kinds) > 1:
        raise UserError(
            "A comparison needs two runs or more of one kind of network. Received: "
            f"{len(runs)} runs, {', '.join(kinds) or 'none'}. Choose others; `list_runs` shows them."
        )


def compare(runs: Sequence[Run]) -> dict[str, Any]:
    """What the page says, as it stands in the JSON file. Scores are those of the test movies that
    all runs share.
    """
    kind = choose_kind(runs[0])
    results = [{_make_key(each): each for each in read_results(run)} for run in runs]
    shared = [key for key in results[0] if all(key in others for others in results)]
    scores = [
        kind.compute_scores([each[key] for key in shared])["network"] if shared else None
        for each in results
    ]
    return {
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "runs": [run.folder.name for run in runs],
        "differences": find_differences(runs),
        "best": [find_best(run.history) for run in runs],
        "readings": [describe_history(run.history) for run in runs],
        "test_movies": [results[0][key].name for key in shared],
        "scores": scores,
        "limits": _find_limits(runs, results, shared),
    }


def _make_key(result: Result) -> tuple[str, str]:
    """Of a test movie: the same for the same images and the same truth."""
    return result.data["images_sha256"], result.data["annotations_sha256"]


def find_differences(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Settings that are not the same in all runs: name → value in each run. Those of a value follow
    its name.
    """
    settings = [_flatten(run.settings.to_dict()) for run in runs]
    return {
        name: [each[name] for each in settings]
        for name in settings[0]
        if name != "output_folder" and any(each[name] != settings[0][name] for each in settings)
    }


def _flatten(values: dict[str, Any]) -> dict[str, Any]:
    """Names and values, those of the augmentation among them."""
    inner = {f"augmentation: {name}": value for name, value in values["augmentation"].items()}
    return {name: value for name, value in values.items() if name != "augmentation"} | inner


def _find_limits(
    runs: Sequence[Run], results: Sequence[dict], shared: Sequence[tuple[str, str]]
) -> list[str]:
    """What nobody should read into this page."""
    limits = []
    if not shared:
        limits.append("Scores: there is no test movie of which all these runs have a result.")
    elif any(len(each) > len(shared) for each in results):
        limits.append(
            "Scores on test movies of which not all runs have a result: they are left out."
        )
    if any(_list_data(run) != _list_data(runs[0]) for run in runs):
        limits.append(
            "What the settings alone do: the runs were trained or validated on different data."
        )
    if len({run.settings.seed for run in runs}) == 1:
        limits.append(
            "Chance: all runs have the same seed. With another one, scores would differ, too."
        )
    return limits


def _list_data(run: Run) -> list[tuple[str, str, str]]:
    return [
        (each["part"], each["images_sha256"], each["annotations_sha256"])
        for each in run.details["data"]
    ]


def _make_sections(runs: Sequence[Run], facts: dict[str, Any]) -> list[tuple[str, str]]:
    (first, *others), names = runs, facts["runs"]
    curves = plot_history(
        first.history,
        {run.folder.name: run.history for run in others},
        title=f"This training: {names[0]}",
    )
    return [
        (
            "In short",
            make_list(f"{name}: {reading}" for name, reading in zip(names, facts["readings"])),
        ),
        ("Settings in which they differ", _show_differences(facts)),
        ("Scores", _show_scores(choose_kind(first), facts)),
        ("Training", make_figure(curves) + _show_best(facts)),
        ("What was not measured", make_list(facts["limits"])),
    ]


def _show_differences(facts: dict[str, Any]) -> str:
    if not facts["differences"]:
        return make_paragraph("None: the runs have the same settings.")
    rows = [(name, *map(format_value, values)) for name, values in facts["differences"].items()]
    return make_table(("setting", *facts["runs"]), rows)


def _show_scores(kind: ModuleType, facts: dict[str, Any]) -> str:
    if not facts["test_movies"]:
        return make_paragraph("Not measured.")
    words = kind.COLUMNS | kind.SPREAD
    rows = [(words[name], *(score[name] for score in facts["scores"])) for name in words]
    note = f"Of the network, on {join_words(facts['test_movies'])}."
    return make_table(("score", *facts["runs"]), rows) + make_paragraph(note)


def _show_best(facts: dict[str, Any]) -> str:
    """The epoch of each run whose network is kept."""
    columns = {
        "epoch": "best epoch",
        "loss": "training loss",
        "validation_loss": "validation loss",
        **QUALITIES,
    }
    columns = {
        key: words
        for key, words in columns.items()
        if any((best or {}).get(key) for best in facts["best"])
    }
    rows = [
        (name, *((best or {}).get(key) for key in columns))
        for name, best in zip(facts["runs"], facts["best"])
    ]
    return make_table(("run", *columns.values()), rows)
