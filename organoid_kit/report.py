"""One page about one training: data, method, curves, scores, worst mistakes, and what was not measured.

The page is made from a run's folder alone and can be made anew at any time. What a network found in a movie is put
there by `save_result`: positions, not figures, so that every figure on the page is counted again from them.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from organoid_kit.annotations import Annotations
from organoid_kit.dataset import AnnotatedMovie
from organoid_kit.errors import UserError
from organoid_kit.evaluation import (
    PositionScore,
    ThresholdCurve,
    format_score,
    pool_scores,
    score_over_thresholds,
    score_positions,
)
from organoid_kit.files import (
    free_path,
    make_file_name,
    read_json,
    write_bytes_safely,
    write_json_safely,
    write_safely,
    write_text_safely,
)
from organoid_kit.formats.organoidtracker import read_aut, write_aut
from organoid_kit.plots import (
    Drawing,
    describe,
    plot_depth_scores,
    plot_history,
    plot_mistakes,
    plot_threshold_curve,
    plot_time_scores,
    read_history,
)
from organoid_kit.plots.drawing import write_png
from organoid_kit.runs import Run, describe_movie, find_versions
from organoid_kit.settings import NetworkSettings

_NOT_MEASURED = (
    "Links, divisions and lineages: this network finds positions only.",
    "How well the network does on movies of other microscopes, stains or tissues than those listed here.",
    "How far different annotators would agree with each other; no network can be better than its truth.",
)


@dataclass(frozen=True)
class Result:
    """What a network found in a movie with known truth.

    Attributes:
        data: the movie, its time points and checksums.
        truth: the right answer.
        found: all candidates, with their "probability".
        blobs: what the blob detector found, or None where it was not asked.
        threshold: candidates from this probability on count as found.
        picture: the worst mistakes as PNG, or None.
        words: what the picture shows.
    """

    data: dict[str, Any]
    truth: Annotations
    found: Annotations
    blobs: Annotations | None
    threshold: float
    picture: bytes | None = None
    words: str = ""

    @property
    def name(self) -> str:
        """Of the movie."""
        return self.data["name"]

    @property
    def score(self) -> PositionScore:
        """Of the network."""
        return score_positions(self.truth, self.found, threshold=self.threshold)

    @property
    def blob_score(self) -> PositionScore | None:
        """Of the blob detector."""
        return None if self.blobs is None else score_positions(self.truth, self.blobs)

    @property
    def curve(self) -> ThresholdCurve:
        """The network's score at other thresholds."""
        return score_over_thresholds(self.truth, self.found)


def save_result(
    run: Run,
    annotated: AnnotatedMovie,
    found: Annotations,
    threshold: float,
    *,
    blobs: Annotations | None = None,
    channels: Sequence[int] = (1,),
) -> None:
    """Puts what was found in a movie into the run's folder, with a picture of the worst mistakes.

    A result of the same movie that is there already is replaced.

    Args:
        run: whose network it was.
        annotated: the movie and its truth; never one that was trained on.
        found: all candidates, with their "probability".
        threshold: candidates from this probability on count as found.
        blobs: what the blob detector found.
        channels: to show in the picture, counted from 1.

    Raises:
        UserError: the folder cannot be written.
    """
    drawing = plot_mistakes(annotated.movie, annotated.annotations, found, threshold, channels)
    data = describe_movie("test", annotated)
    folder = _find_folder(run, data)
    with write_safely(folder, overwrite=True) as temporary:
        for name, positions in (("truth", annotated.annotations), ("found", found), ("blobs", blobs)):
            if positions is not None:
                write_aut(positions, temporary / f"{name}.aut")
        record = {"data": data, "threshold": threshold, "mistakes": describe(drawing)}
        write_json_safely(temporary / "result.json", record)
        write_bytes_safely(temporary / "mistakes.png", write_png(drawing))


def _find_folder(run: Run, data: dict[str, Any]) -> Path:
    """Of the earlier result of the same movie, or else one that does not exist yet."""
    for earlier in run.folder.glob("results/*/result.json"):
        if all(_read_record(earlier)["data"][key] == data[key] for key in ("name", "images_sha256")):
            return earlier.parent
    folder = run.folder / "results" / make_file_name(data["name"])
    return free_path(folder) if folder.exists() else folder


def read_results(run: Run) -> list[Result]:
    """What `save_result` has put into the run's folder, by name.

    Raises:
        UserError: a file is damaged.
    """
    return [_read_result(file.parent) for file in sorted(run.folder.glob("results/*/result.json"))]


def _read_result(folder: Path) -> Result:
    record = _read_record(folder / "result.json")
    picture, blobs = folder / "mistakes.png", folder / "blobs.aut"
    return Result(
        data=record["data"],
        truth=read_aut(folder / "truth.aut"),
        found=read_aut(folder / "found.aut"),
        blobs=read_aut(blobs) if blobs.exists() else None,
        threshold=record["threshold"],
        picture=picture.read_bytes() if picture.exists() else None,
        words=record["mistakes"],
    )


def _read_record(file: Path) -> dict[str, Any]:
    record = read_json(file)
    if not isinstance(record, dict) or not {"data", "threshold", "mistakes"} <= record.keys():
        raise UserError(
            f"A result must have its data, a threshold and words on mistakes. Received: {file}. "
            "Remove this folder and predict and score the movie again."
        )
    return record


def write_report(
    path: str | Path, run: Run, *, json_path: str | Path | None = None, overwrite: bool = False
) -> dict[str, Any]:
    """Writes one self-contained page about a run, and its figures as JSON.

    Args:
        path: of the page, ``.html``.
        run: with or without results, see `save_result`.
        json_path: of the JSON file; None: beside the page, with its name.
        overwrite: replaces files that exist.

    Returns:
        What the JSON file holds.

    Raises:
        UserError: a file exists or cannot be written, or the run's files are damaged.
    """
    results = read_results(run)
    facts = collect_facts(run, results)
    page = _build_page(run, results, facts)
    write_text_safely(path, page, overwrite=overwrite)
    write_json_safely(json_path or Path(path).with_suffix(".json"), facts, overwrite=overwrite)
    return facts


# ---- the facts


def collect_facts(run: Run, results: Sequence[Result]) -> dict[str, Any]:
    """Everything the report says, as it stands in the JSON file; None where something was not measured."""
    scores = [result.score for result in results]
    blob_scores = [result.blob_score for result in results if result.blobs is not None]
    return {
        "run": run.folder.name,
        "written": time.strftime("%Y-%m-%d %H:%M:%S"),
        "method": write_method(run, results),
        "reading": read_history(run.history),
        "network": pool_scores(scores).to_dict() if scores else None,
        "blob_detector": pool_scores(blob_scores).to_dict() if len(blob_scores) == len(results) > 0 else None,
        "movies": [_describe_result(result) for result in results],
        "data": [*run.details["data"], *(result.data for result in results)],
        "history": run.history,
        "settings": run.settings.to_dict(),
        "versions": {"training": run.details["versions"], "report": find_versions()},
        "limits": _find_limits(run, results),
    }


def _describe_result(result: Result) -> dict[str, Any]:
    score, curve = result.score, result.curve
    return {
        "name": result.name,
        "threshold": result.threshold,
        "network": score.to_dict(),
        "blob_detector": result.blob_score.to_dict() if result.blobs is not None else None,
        "by_depth_um": {f"{low:g}-{high:g}": part.to_dict() for (low, high), part in score.by_depth().items()},
        "by_time_point": {str(time_point): part.to_dict() for time_point, part in score.by_time_point().items()},
        "over_threshold": {
            "threshold": curve.thresholds.tolist(),
            **{key: [getattr(one, key) for one in curve.scores] for key in ("precision", "recall", "f1")},
        },
    }


def write_method(run: Run, results: Sequence[Result] = ()) -> str:
    """What was done, in sentences that can go into a methods section."""
    settings, history, data = run.settings, run.history, run.details["data"]
    counts = {part: [each for each in data if each["part"] == part] for part in ("training", "validation")}
    versions = run.details["versions"]
    keras = f"Keras {versions['keras']}" if "keras" in versions else "Keras"
    sentences = [
        f"A {settings.network} network (organoid_kit {versions['organoid_kit']}, {keras}, preset {settings.preset!r}) "
        f"was trained {_say_start(settings)} on {_say_data(counts['training'])}.",
        _say_image(settings),
        f"Patches of {' × '.join(map(str, settings.patch_shape_zyx))} voxels (z, y, x) were drawn around annotated "
        f"nuclei and elsewhere in the annotated region, varied at random, and shown in batches of "
        f"{settings.batch_size} for {len(history)} epochs (Adam, learning rate {settings.learning_rate:g}, "
        f"seed {settings.seed}).",
        _say_choice(history, counts["validation"]),
    ]
    if results:
        thresholds = sorted({result.threshold for result in results})
        distance = results[0].score.max_distance_um
        sentences.append(
            f"Peaks of the network's answer with a probability of at least {_join(f'{t:.2f}' for t in thresholds)} "
            f"were taken as nuclei, no two closer than {settings.min_distance_um:g} µm. They were compared with "
            f"{_join(result.name for result in results)}: found and true positions were paired one-to-one, at most "
            f"{distance:g} µm apart."
        )
    return " ".join(sentences)


def _say_start(settings: NetworkSettings) -> str:
    return f"from {settings.start_from!r} on," if settings.start_from else "from scratch"


def _say_data(data: Sequence[dict[str, Any]]) -> str:
    positions, times = sum(each["positions"] for each in data), sum(len(each["time_points"]) for each in data)
    return f"{positions} positions at {times} time points of {_join(each['name'] for each in data)}"


def _say_image(settings: NetworkSettings) -> str:
    channels = f"channel {settings.channels[0]}"
    if len(settings.channels) > 1:
        channels = f"the sum of channels {_join(map(str, settings.channels))}"
    low, high = settings.intensity_quantiles
    first, last = settings.time_window
    spacing = ""
    if settings.spacing_um:
        spacing = f", brought to {' × '.join(f'{each:g}' for each in settings.spacing_um)} µm per voxel (z, y, x)"
    return (
        f"It saw {channels}{spacing}, scaled so that the quantiles {low:g} and {high:g} of the intensities became 0 "
        f"and 1, at the time points {first:+d} to {last:+d} around the one in question."
    )


def _say_choice(history: Sequence[dict[str, Any]], validation: Sequence[dict[str, Any]]) -> str:
    if not history:
        return "No epoch was finished."
    best = min(history, key=lambda row: row["validation_loss"])["epoch"]
    if not validation:
        return f"The network of epoch {best} is kept, chosen by the training loss, as there were no validation movies."
    return f"The network of epoch {best} is kept, which had the lowest loss on {_say_data(validation)}."


def _find_limits(run: Run, results: Sequence[Result]) -> list[str]:
    """What nobody should read into this page."""
    data = run.details["data"]
    sums = {
        part: {each["images_sha256"] for each in data if each["part"] == part} for part in ("training", "validation")
    }
    limits = []
    if not results:
        limits.append("Precision, recall and F1 on movies the network has never seen: no result is saved in this run.")
    elif len(results) == 1:
        limits.append("How much the scores vary from movie to movie: there is only one test movie.")
    if any(result.blobs is None for result in results):
        limits.append("The blob detector on every test movie.")
    if not sums["validation"]:
        limits.append("The validation loss: there were no validation movies. Overfitting cannot be seen.")
    for part, used in sums.items():
        seen = [result.name for result in results if result.data["images_sha256"] in used]
        if seen:
            limits.append(f"An independent score for {_join(seen)}: used for {part} too, so its score is too good.")
    both = sorted({each["name"] for each in data if each["images_sha256"] in sums["training"] & sums["validation"]})
    if both:
        limits.append(f"Validation on another organoid: {_join(both)} is in training and in validation.")
    return [*limits, *_NOT_MEASURED]


def _join(words: Iterable[str]) -> str:
    *first, last = list(words) or ["nothing"]
    return f"{', '.join(first)} and {last}" if first else last


# ---- the page

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
h1 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: left; vertical-align: top }
th { background: #f3f3f3 } td.number { text-align: right; font-variant-numeric: tabular-nums }
td.code { font-family: ui-monospace, monospace; font-size: .8rem; overflow-wrap: anywhere }
img { max-width: 100%; height: auto } figure { margin: 1.5rem 0 } figcaption { color: #555; font-size: .9rem }
"""


def _build_page(run: Run, results: Sequence[Result], facts: dict[str, Any]) -> str:
    """The whole page; whatever comes from files is escaped."""
    title = f"Report on {run.folder.name}"
    sections = [
        ("In short", _say_summary(facts)),
        ("Scores", _show_scores(results, facts)),
        ("Method", _paragraph(facts["method"])),
        ("Training", _figure(plot_history(run.history)) if run.history else _paragraph("Not measured.")),
        *((f"Result: {result.name}", _show_result(result)) for result in results),
        ("Data", _show_data(facts["data"])),
        ("What was not measured", _list(facts["limits"])),
        ("Settings", _show_pairs(facts["settings"])),
        ("Versions", _show_pairs(facts["versions"]["training"])),
    ]
    body = "".join(f"<section><h2>{escape(heading)}</h2>{content}</section>\n" for heading, content in sections)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n"
        f"<body><main><h1>{escape(title)}</h1>{_paragraph('Written ' + facts['written'])}\n"
        f"{body}</main></body></html>\n"
    )


def _say_summary(facts: dict[str, Any]) -> str:
    network, blobs = facts["network"], facts["blob_detector"]
    if network is None:
        return _paragraph("Not measured yet: no result is saved in this run.") + _paragraph(facts["reading"])
    found = (
        f"The network found {network['matched']} of {network['matched'] + network['missed']} nuclei and "
        f"{network['false']} that are none: F1 {format_score(network['f1'])}."
    )
    if blobs is not None:
        found += f" A blob detector, without any network, reaches F1 {format_score(blobs['f1'])}."
    return _paragraph(found) + _paragraph(facts["reading"])


_COLUMNS = ("precision", "recall", "f1", "mean_distance_um", "matched", "missed", "false", "ignored")
_HEADINGS = ("precision", "recall", "F1", "mean distance (µm)", "right", "missed", "false", "ignored")


def _show_scores(results: Sequence[Result], facts: dict[str, Any]) -> str:
    """One line for each movie and method, and the sum of all."""
    rows = [
        (movie["name"], name, movie[key])
        for movie in [*facts["movies"], *([{"name": "all movies", **facts}] if len(results) > 1 else [])]
        for key, name in (("network", "network"), ("blob_detector", "blob detector"))
    ]
    lines = [[movie, name, *(_say_figure((score or {}).get(key)) for key in _COLUMNS)] for movie, name, score in rows]
    distance = f"{results[0].score.max_distance_um:g} µm" if results else "5 µm"
    note = (
        f"Found and true positions are paired one-to-one, at most {distance} apart. What was found outside the "
        "annotated region is ignored: nobody said that there is no nucleus."
    )
    return _table(("movie", "method", *_HEADINGS), lines) + _paragraph(note)


def _say_figure(value: float | int | None) -> str:
    return str(value) if isinstance(value, int) else format_score(value)


def _show_result(result: Result) -> str:
    curve = plot_threshold_curve(result.curve, chosen=result.threshold, title=f"{result.name}: scores by threshold")
    drawings = [
        curve,
        plot_depth_scores(result.score, title=f"{result.name}: scores by depth"),
        plot_time_scores(result.score, title=f"{result.name}: scores by time point"),
    ]
    picture = _image(result.picture, result.words) if result.picture else ""
    return "".join(map(_figure, drawings)) + picture


def _show_data(data: Sequence[dict[str, Any]]) -> str:
    rows = [
        [
            each["part"],
            each["name"],
            str(each["positions"]),
            _say_times(each["time_points"]),
            f"annotations {each['annotations_sha256']}, images {each['images_sha256']}",
        ]
        for each in data
    ]
    return _table(("part", "movie", "positions", "time points", "SHA-256"), rows, code=4)


def _say_times(times: Sequence[int]) -> str:
    return f"{len(times)} ({times[0]} to {times[-1]})" if len(times) else "none"


def _show_pairs(values: dict[str, Any]) -> str:
    """Names and values; those within a value, such as of the augmentation, follow it."""
    flat = []
    for key, value in values.items():
        flat += (
            [(f"{key}: {inner}", each) for inner, each in value.items()] if isinstance(value, dict) else [(key, value)]
        )
    return _table(("name", "value"), [[str(key), _say_value(value)] for key, value in flat])


def _say_value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_say_value, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]], code: int | None = None) -> str:
    """A table; cells with numbers to the right, the column `code` in small fixed letters."""
    top = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in heading)
    body = "".join(
        f"<tr>{''.join(_cell(cell, number == code) for number, cell in enumerate(row))}</tr>" for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _cell(text: str, code: bool) -> str:
    kind = ' class="code"' if code else ' class="number"' if re.fullmatch(r"-?[\d.]+", text) else ""
    return f"<td{kind}>{escape(text)}</td>"


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _list(lines: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def _figure(drawing: Drawing) -> str:
    return _image(write_png(drawing), describe(drawing))


def _image(png: bytes, words: str) -> str:
    """A picture inside the page, with its words for those who cannot see it, and below it for all who ask."""
    data = base64.b64encode(png).decode()
    return (
        f'<figure><img alt="{escape(words)}" src="data:image/png;base64,{data}">'
        f"<figcaption><details><summary>In words</summary>{escape(words)}</details></figcaption></figure>"
    )
