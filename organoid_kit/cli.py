"""The command line: `python -m organoid_kit`. Thin wrappers around what the notebooks call.

A mistake that the user can mend is one message and exit code 2; Ctrl-C says what was saved and how to go on, and exits
with 130. Keras is loaded only by the commands that need it, so that `--help` comes at once.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from organoid_kit import __version__
from organoid_kit.annotations import Annotations
from organoid_kit.baseline import find_blobs, tune_blobs
from organoid_kit.checks import check_annotations, summarise_annotations
from organoid_kit.dataset import AnnotatedMovie, read_dataset
from organoid_kit.downloads import find_samples
from organoid_kit.errors import UserError
from organoid_kit.evaluation import PositionScore, format_score, pool_scores, score_positions
from organoid_kit.files import make_file_name, write_json_safely
from organoid_kit.formats import read_annotations, write_annotations
from organoid_kit.runs import Run, compare_runs
from organoid_kit.settings import PRESETS, NetworkSettings, read_settings
from organoid_kit.splits import Split, split_by_movie, split_by_time_block
from organoid_kit.timelapse import TimeLapse
from organoid_kit.timelapse_reading import read_timelapse

if TYPE_CHECKING:
    from organoid_kit.training import Progress

_ALL_CANDIDATES = 0.05  # peaks from this probability on are kept where a threshold is still to be looked at
_FEW = 3  # problems of a kind that are shown
_Pair = tuple[str, Annotations, Annotations, AnnotatedMovie | None]  # name, truth, found, movie where there is one
_WRITTEN = (".aut", ".csv", ".geff", ".zarr")  # what predict writes, by its suffix


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: of the command line, without the program's name; None for those of this process.

    Returns:
        The exit code: 0 all is well, 1 errors were found in annotations, 2 the user must change something, 130 the
        user has interrupted.
    """
    options = _build_parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    except UserError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted. Nothing was left half written.", file=sys.stderr)
        return 130


# ---- check


def _check(options: argparse.Namespace) -> int:
    """Prints problems and a summary; 1 if there are errors."""
    dataset = _open_annotated(options)
    if not options.channels:
        _ask_for_channels(annotated.movie for annotated in dataset)
    errors = _print_problems(dataset, options.channels or (1,), sys.maxsize if options.all else _FEW)
    print()
    print(summarise_annotations(dataset))
    return 1 if errors else 0


def _print_problems(dataset: Sequence[AnnotatedMovie], channels: tuple[int, ...], most: int = _FEW) -> int:
    """A line for each problem, at most so many of a kind; returns the number of errors."""
    errors = 0
    for annotated in dataset:
        problems = check_annotations(annotated.annotations, annotated.movie, channels=channels)
        print(f"{annotated.name}: {f'{len(problems)} to look at' if problems else 'no problem found'}")
        for rule in dict.fromkeys(problem.rule for problem in problems):
            alike = [problem for problem in problems if problem.rule == rule]
            print(*(f"  {problem}" for problem in alike[:most]), sep="\n")
            if len(alike) > most:
                print(f"  … and {len(alike) - most} more like this (rule {rule}); check --all shows them")
        errors += sum(problem.severity == "error" for problem in problems)
    return errors


def _open_annotated(options: argparse.Namespace) -> list[AnnotatedMovie]:
    """An .autlist, or a movie with the annotations that were named for it."""
    if options.dataset.suffix == ".autlist":
        return read_dataset(options.dataset, **_reading_options(options))
    if options.annotations is None:
        raise UserError(
            "A movie needs its annotations. Received: a movie alone. "
            f"Add --annotations FILE, or name an .autlist instead of {str(options.dataset)!r}."
        )
    movie = read_timelapse(options.dataset, **_reading_options(options))
    spacing = _find_spacing(options.annotations) or movie.spacing_um
    return [AnnotatedMovie(movie, _read_positions(options.annotations, spacing, options.time_point_offset))]


def _read_positions(path: Path, spacing_um: tuple[float, ...] | None, time_point_offset: int = 0) -> Annotations:
    """Annotations of any format, with the options it takes; the spacing is that stated where the file has none."""
    suffix, stated = path.suffix.lower(), {}
    if spacing_um and suffix not in (".aut", ".json"):
        stated["spacing_um"] = spacing_um
    if suffix == ".xml":
        stated["time_point_offset"] = time_point_offset
    annotations = read_annotations(path, **stated)
    return dataclasses.replace(annotations, spacing_um=annotations.spacing_um or spacing_um)


def _find_spacing(path: Path) -> tuple[float, ...] | None:
    """As the file itself says; of the formats, only .aut and GEFF do."""
    try:
        return read_annotations(path).spacing_um if path.suffix.lower() in (".aut", ".json", ".geff", ".zarr") else None
    except UserError:  # a GEFF in µm that lacks it; what else is wrong is said when the file is read
        return None


def _ask_for_channels(movies: Iterable[TimeLapse]) -> None:
    """Refuses to guess which of several channels shows nuclei."""
    for movie in movies:
        if len(movie.channel_names) > 1:
            names = ", ".join(f"{number} ({name})" for number, name in enumerate(movie.channel_names, start=1))
            raise UserError(
                "The channel with nuclei must be named where a movie has several. Received: no --channels for "
                f"{movie.name!r} with channels {names}. Add --channels 1, say, or --channels 1,2 for their sum."
            )


def _reading_options(options: argparse.Namespace) -> dict[str, Any]:
    """What `read_timelapse` is told beyond the path."""
    stated = {key: getattr(options, key) for key in ("axes", "spacing_um", "pattern") if getattr(options, key)}
    return stated | ({"accept_guess": True} if options.accept_guess else {})


# ---- train


def _train(options: argparse.Namespace) -> int:
    """Trains, and chooses the threshold."""
    _refuse_changes(options)
    _load_keras()
    settings = _find_settings(options)
    split = _find_split(options, settings)
    if not (options.channels or options.settings or options.resume):
        _ask_for_channels(annotated.movie for part in split.parts().values() for annotated in part)
    print(f"{split}\n", flush=True)
    return _train_and_choose(split, settings, _find_command(options), options.resume)[1]


def _refuse_changes(options: argparse.Namespace) -> None:
    """A run that is resumed keeps its settings; only how long it trains may change."""
    fixed = ("settings", *(key for key in _SETTINGS if key not in _LIMITS))
    stated = [_SETTINGS.get(key, f"--{key}") for key in fixed if getattr(options, key) is not None]
    if options.resume and stated:
        raise UserError(
            f"A run goes on with the settings it was started with. Received: {', '.join(stated)} with --resume "
            f"{str(options.resume)!r}. Leave them out, or start a new run with --start-from instead of --resume."
        )


def _find_command(options: argparse.Namespace) -> list[str]:
    """What names the data, and how long to train, when this training is taken up again."""
    spacing = options.spacing_um and ",".join(map(str, options.spacing_um))
    limits = {_SETTINGS[key]: getattr(options, key) for key in _LIMITS} if options.resume else {}
    stated = {
        "--validation": options.validation,
        "--axes": options.axes,
        "--spacing": spacing,
        "--pattern": options.pattern,
        **limits,
    }
    switches = {"--no-validation": options.no_validation, "--accept-guess": options.accept_guess}
    valued = [text for name, value in stated.items() if value is not None for text in (name, str(value))]
    return [str(options.dataset), *valued, *(name for name, is_on in switches.items() if is_on)]


def _find_settings(options: argparse.Namespace) -> NetworkSettings:
    """From the run that is resumed, a file, the network to start from, or the defaults; options overrule them."""
    changes = {key: value for key in _SETTINGS if (value := getattr(options, key)) is not None}
    if options.resume:
        return Run(options.resume).settings.changed(**changes)
    if options.settings:
        return read_settings(options.settings).changed(**changes)
    if options.start_from:
        from organoid_kit.networks import make_fine_tuning_settings

        return make_fine_tuning_settings(options.start_from, **changes)
    return NetworkSettings(**changes)


def _find_split(options: argparse.Namespace, settings: NetworkSettings) -> Split:
    """The movies named for validation, or none; else one movie is kept for it, or the end of the only movie."""
    dataset = read_dataset(options.dataset, **_reading_options(options))
    if options.no_validation:
        return Split(dataset, [])
    if options.validation:
        return Split(dataset, read_dataset(options.validation, **_reading_options(options)))
    if len({(each.movie.path, each.movie.name) for each in dataset}) > 1:
        return split_by_movie(dataset, seed=settings.seed)
    try:
        return split_by_time_block(dataset, time_window=settings.time_window)
    except UserError as error:
        raise UserError(f"{error} To train on all of it and judge by the training loss, add --no-validation.") from None


def _train_and_choose(
    split: Split, settings: NetworkSettings, command: Sequence[Path | str], resume: Path | None = None
) -> tuple[Run, int]:
    """The run, and 130 where it was interrupted; `command` names the data to go on with then."""
    from organoid_kit.estimates import estimate_training
    from organoid_kit.prediction import choose_threshold
    from organoid_kit.training import train

    if resume is None:
        print(f"{estimate_training(settings, split.training)}\n", flush=True)
    with _show_training() as show:
        run = train(split.training, split.validation, settings, resume=resume, on_progress=show)
    if run.ending.startswith("interrupted"):
        start = [sys.executable, "-m", "organoid_kit", "train"]
        again = shlex.join([*start, *map(str, command), "--resume", str(run.folder)])
        print(f"Interrupted. All is saved in {run.folder}. To go on:\n\n  {again}", file=sys.stderr)
        return run, 130
    judges = split.validation or (split.training if settings.start_from else [])
    if judges and run.network_folder.exists():
        threshold = choose_threshold(run, judges)
        note = "" if split.validation else ", on which it was trained"
        print(f"Threshold {threshold:.2f}, chosen on {', '.join(each.name for each in judges)}{note}.")
    return run, 0


@contextmanager
def _show_training() -> Iterator[Callable[[Progress], None]]:
    """A bar for the steps of an epoch where there is a terminal, and a line of text for each epoch everywhere."""
    from organoid_kit.training import print_progress

    with tqdm(unit="step", leave=False, disable=not sys.stderr.isatty()) as bar:

        def show(progress: Progress) -> None:
            if progress.row or progress.message:
                with tqdm.external_write_mode():
                    print_progress(progress)
            else:
                bar.total, bar.n = progress.steps, progress.step
                bar.set_description(f"epoch {progress.epoch + 1} of {progress.epochs}, loss {progress.loss:.4f}")

        yield show


def _load_keras() -> None:
    """Loads Keras without what TensorFlow says of itself while it is loaded; no setting of its own silences that."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        import keras  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"Networks need Keras and TensorFlow. Received: {error}. Install them: pip install tensorflow."
        ) from error
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


# ---- predict


def _predict(options: argparse.Namespace) -> None:
    """Finds nuclei in one movie or several."""
    movies = _open_movies(options)
    outputs = _find_outputs(options.output, movies)
    _load_keras()
    from organoid_kit.networks import load_network

    network, settings = load_network(options.network)
    if options.channels:
        settings = settings.changed(channels=options.channels)
    elif settings.channels == NetworkSettings().channels:  # also where nobody chose them
        _ask_for_channels(movies)
    for movie, output in zip(movies, outputs, strict=True):
        found = _predict_movie(network, settings, movie, output, options)
        print(f"{len(found)} positions in {movie.name}: {output}")


def _predict_movie(
    network: Any, settings: NetworkSettings, movie: TimeLapse, output: Path, options: argparse.Namespace
) -> Annotations:
    """Finds nuclei in a movie and writes them; what an interrupted prediction has found is not computed again."""
    from organoid_kit.prediction import predict_positions

    note = output.with_name(f"{output.name}.resume")
    first_last = options.time_points
    times = range(first_last[0], first_last[1] + 1) if first_last else None
    try:
        found = predict_positions(
            network, movie, settings, time_points=times, threshold=options.threshold, resume_file=note
        )
    except KeyboardInterrupt:
        print(f"\nWhat was found so far is kept in {note}. Give the same command again to go on.", file=sys.stderr)
        raise
    write_annotations(found, output)
    note.unlink(missing_ok=True)
    return found


def _open_movies(options: argparse.Namespace) -> list[TimeLapse]:
    """All movies that were named, one by one or in an .autlist."""
    movies: list[TimeLapse] = []
    for path in options.movies:
        if path.suffix == ".autlist":
            movies += [annotated.movie for annotated in read_dataset(path, **_reading_options(options))]
        else:
            movies.append(read_timelapse(path, **_reading_options(options)))
    return movies


def _find_outputs(output: Path, movies: Sequence[TimeLapse]) -> list[Path]:
    """A file for each movie: the one named, or one for each in the folder named. None of them exists yet."""
    _check_suffix(output)
    paths = [output] if output.suffix else [output / f"{make_file_name(movie.name)}.aut" for movie in movies]
    for path in paths:
        if path.exists() or len(set(paths)) < len(movies):
            raise UserError(
                f"Each movie needs a file of its own that does not exist yet. Received: {str(path)!r} for "
                f"{', '.join(movie.name for movie in movies)}. Choose another --output; one without suffix is a "
                "folder, with a file for each movie."
            )
    return paths


def _check_suffix(output: Path) -> None:
    """Says before the work, not after it, that the result cannot be written."""
    suffix = output.suffix.lower()
    if suffix and suffix not in _WRITTEN:
        raise UserError(
            f"Positions are written as {', '.join(_WRITTEN)}, or into a folder. Received: --output {str(output)!r} "
            "with another suffix. Choose one of these, or a folder without a dot in its name."
        )
    if suffix in (".geff", ".zarr") and find_spec("geff") is None:
        raise UserError(
            f"GEFF files need the geff library. Received: --output {str(output)!r} without it. "
            'Install it with: pip install "organoid-kit[formats]", or choose .aut.'
        )


# ---- score


def _score(options: argparse.Namespace) -> None:
    """Compares found with true positions, and keeps both in a run where one is named."""
    threshold = _find_threshold(options)
    pairs = _open_movie_pairs(options) if options.truth.suffix == ".autlist" else _open_pair(options)
    if options.time_points:
        pairs = [(name, _between(truth, *options.time_points), *others) for name, truth, *others in pairs]
    distance = {"max_distance_um": options.max_distance, "threshold": threshold}
    scores = {name: score_positions(truth, found, **distance) for name, truth, found, _ in pairs}
    total = pool_scores(scores.values())
    print(_format_scores(scores | ({"all movies": total} if len(scores) > 1 else {})))
    _say_empty_time_points(pairs)
    if options.json:
        record = {"movies": {name: score.to_dict() for name, score in scores.items()}, "all": total.to_dict()}
        write_json_safely(options.json, record)
    if options.run:
        _keep_results(Run(options.run), pairs, threshold)


def _between(annotations: Annotations, first: int, last: int) -> Annotations:
    """The positions of these time points."""
    return annotations.select((annotations.time_points >= first) & (annotations.time_points <= last))


def _say_empty_time_points(pairs: Sequence[_Pair]) -> None:
    """Names annotated time points in which nothing was found: perhaps nobody looked there."""
    for name, truth, found, _ in pairs:
        empty = np.setdiff1d(truth.annotated_time_points, found.annotated_time_points).tolist()
        if empty:
            listed = ", ".join(map(str, empty[:10])) + (", …" if len(empty) > 10 else "")
            print(f"{name}: nothing was found at time points {listed}. If nobody looked there, give --time-points.")


def _find_threshold(options: argparse.Namespace) -> float | None:
    """The one stated, or that of the run's network where the results are kept in the run."""
    if options.run and options.truth.suffix != ".autlist":
        raise UserError(
            "Results are kept in a run with pictures of their movies. Received: --run with "
            f"{str(options.truth)!r}. Name an .autlist instead, or leave out --run."
        )
    if not options.run or options.threshold is not None:
        return options.threshold
    _load_keras()
    from organoid_kit.networks import load_settings

    return load_settings(options.run).threshold


def _keep_results(run: Run, pairs: Sequence[_Pair], threshold: float) -> None:
    """Puts the results where `report` finds them."""
    from organoid_kit.report import save_result

    for _, _, found, annotated in pairs:
        save_result(run, annotated, found, threshold, channels=run.settings.channels)
    print(f"Kept in {run.folder}; `report` shows it.")


def _open_movie_pairs(options: argparse.Namespace) -> list[_Pair]:
    """Each movie of an .autlist, with what predict found in it."""
    pairs = []
    for each in read_dataset(options.truth, **_reading_options(options)):
        file = options.found / f"{make_file_name(each.movie.name)}.aut"
        spacing = each.movie.spacing_um
        truth = dataclasses.replace(each.annotations, spacing_um=each.annotations.spacing_um or spacing)
        pairs.append((each.name, truth, _read_positions(file, spacing), AnnotatedMovie(each.movie, truth)))
    return pairs


def _open_pair(options: argparse.Namespace) -> list[_Pair]:
    """Two files. One without a spacing has that stated, or else the other's."""
    paths = (options.truth, options.found)
    known = [options.spacing_um or _find_spacing(path) for path in paths]
    truth, found = (
        _read_positions(path, own or other, options.time_point_offset)
        for path, own, other in zip(paths, known, reversed(known), strict=True)
    )
    return [(truth.name or options.truth.stem, truth, found, None)]


def _format_scores(scores: dict[str, PositionScore]) -> str:
    """A table, one line for each score."""
    heading = ("", "precision", "recall", "F1", "mean distance", "right", "missed", "false")
    rows = [
        (
            name,
            *(format_score(value) for value in (score.precision, score.recall, score.f1)),
            format_score(score.mean_distance_um, " µm"),
            *map(str, (score.matched, score.missed, score.false)),
        )
        for name, score in scores.items()
    ]
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in (heading, *rows)
    ]
    return "\n".join(lines)


# ---- report, runs


def _report(options: argparse.Namespace) -> None:
    """Writes the report of a run, anew if need be."""
    from organoid_kit.report import write_report

    run = Run(options.run)
    output = options.output or options.run / "report.html"
    write_report(output, run, overwrite=options.overwrite)
    print(f"Report: {output}")


def _runs(options: argparse.Namespace) -> None:
    """Prints the runs of a folder as a table."""
    print(compare_runs(options.folder))


# ---- demo


def _demo(options: argparse.Namespace) -> int:
    """The whole way on the bundled movies."""
    began = time.monotonic()
    samples = find_samples()
    training, validation, test = (
        read_dataset(samples / f"{part}.autlist") for part in ("training", "validation", "test")
    )
    settings = read_settings(samples / "settings.json").changed(output_folder=str(options.output / "runs"))
    if options.epochs:
        settings = settings.changed(epochs=options.epochs)
    _say_step(1, "Are the annotations right?")
    _print_problems([*training, *validation, *test], settings.channels)
    print()
    print(summarise_annotations([*training, *validation, *test]))
    _say_step(2, "Train a network")
    _load_keras()
    command = [samples / "training.autlist", "--validation", samples / "validation.autlist"]
    run, interrupted = _train_and_choose(Split(training, validation), settings, command)
    if interrupted:
        return interrupted
    _say_step(3, "Find the nuclei in a movie it has never seen, and count how many are right")
    _save_results(run, test, [*training, *validation])
    return _finish_demo(run, options.output, time.monotonic() - began)


def _say_step(number: int, text: str) -> None:
    print(f"\n{number}. {text}\n", flush=True)


def _save_results(run: Run, test: Sequence[AnnotatedMovie], seen: Sequence[AnnotatedMovie]) -> None:
    """What the network and a blob detector find in test movies. The detector is tuned on the movies the network saw."""
    from organoid_kit.networks import load_network
    from organoid_kit.prediction import predict_positions
    from organoid_kit.report import save_result

    network, settings = load_network(run.folder)
    tuned = tune_blobs(seen, channels=settings.channels)
    for annotated in test:
        found = predict_positions(network, annotated.movie, settings, threshold=_ALL_CANDIDATES)
        blobs = find_blobs(annotated.movie, **tuned)
        save_result(run, annotated, found, settings.threshold, blobs=blobs, channels=settings.channels)


def _finish_demo(run: Run, folder: Path, seconds: float) -> int:
    """Writes report and scores, and ends with the table. Those of an earlier demo are kept under their date."""
    from organoid_kit.report import read_results, write_report

    page, scores = folder / "report.html", folder / "scores.json"
    for file in (page, scores):
        _keep_earlier(file)
    write_report(page, run, json_path=scores)
    results = read_results(run)
    table = {
        "network": pool_scores(result.score for result in results),
        "blob detector": pool_scores(result.blob_score for result in results),
    }
    print(f"\n{_format_scores(table)}\n\nOne-to-one within 5 µm, after {seconds / 60:.1f} minutes.")
    print(f"Scores: {scores}\nReport: {page}")
    return 0


def _keep_earlier(file: Path) -> None:
    """Renames a file that exists to its name with its date."""
    if file.exists():
        date = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(file.stat().st_mtime))
        file.rename(file.with_name(f"{file.stem}_{date}{file.suffix}"))


# ---- the options

_CHANNELS_HELP = "with nuclei, from 1, such as 2,3 (summed); needed where a movie has several"


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m organoid_kit", description="Find nuclei in movies of organoids.")
    parser.add_argument("--version", action="version", version=f"organoid_kit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_check, _add_train, _add_predict, _add_score, _add_report, _add_demo, _add_runs):
        add(commands)
    return parser


def _add(commands: Any, name: str, command: Callable, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=command)
    return parser


def _add_check(commands: Any) -> None:
    parser = _add(commands, "check", _check, "Look for mistakes in annotations.")
    parser.add_argument("dataset", type=Path, help="an .autlist, or a movie")
    parser.add_argument("--annotations", type=Path, help="of the movie: .aut, .csv, .xml, .geff or a CTC folder")
    parser.add_argument("--channels", type=_numbers, help=_CHANNELS_HELP)
    _add_time_point_offset(parser)
    parser.add_argument("--all", action="store_true", help="show every problem, not a few of each kind")
    _add_reading(parser)


def _add_train(commands: Any) -> None:
    parser = _add(commands, "train", _train, "Train a position network.")
    parser.add_argument("dataset", type=Path, help="an .autlist")
    validation = parser.add_mutually_exclusive_group()
    validation.add_argument("--validation", type=Path, help="an .autlist; else a movie or the end of it is kept back")
    validation.add_argument("--no-validation", action="store_true", help="keep nothing back; the training loss judges")
    parser.add_argument("--settings", type=Path, help="settings.json or organoid_tracker.ini")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with a run, with its settings; --epochs and --minutes may change",
    )
    parser.add_argument("--start-from", metavar="NETWORK", help="a network or run to train on from")
    parser.add_argument("--output", dest="output_folder", metavar="FOLDER", help="for runs")
    parser.add_argument("--channels", type=_numbers, help=_CHANNELS_HELP)
    parser.add_argument("--preset", choices=PRESETS)
    parser.add_argument("--patch", dest="patch_shape_zyx", type=_numbers, metavar="Z,Y,X", help="in voxels")
    parser.add_argument("--minutes", type=float, help="stop and save after so many")
    for name, kind in (("epochs", int), ("batch-size", int), ("learning-rate", float), ("seed", int)):
        parser.add_argument(f"--{name}", type=kind)
    _add_reading(parser)


_SETTINGS = {  # name of the setting → option
    "start_from": "--start-from",
    "output_folder": "--output",
    "channels": "--channels",
    "preset": "--preset",
    "patch_shape_zyx": "--patch",
    "minutes": "--minutes",
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "learning_rate": "--learning-rate",
    "seed": "--seed",
}
_LIMITS = ("epochs", "minutes")  # may change when a run is resumed


def _add_predict(commands: Any) -> None:
    parser = _add(commands, "predict", _predict, "Find nuclei in movies.")
    parser.add_argument("network", type=Path, help="a network's folder, a run, or the name of a shipped network")
    parser.add_argument("movies", type=Path, nargs="+", metavar="movie", help="a movie or an .autlist")
    parser.add_argument("-o", "--output", type=Path, required=True, help=".aut, .csv or .geff, or a folder")
    parser.add_argument("--channels", type=_numbers, help=f"{_CHANNELS_HELP}; else those the network was told")
    parser.add_argument("--threshold", type=float, help="least probability; else the one saved with the network")
    parser.add_argument("--time-points", type=int, nargs=2, metavar=("FIRST", "LAST"))
    _add_reading(parser)


def _add_score(commands: Any) -> None:
    parser = _add(commands, "score", _score, "Compare found with true positions.")
    parser.add_argument("truth", type=Path, help="annotations, or an .autlist")
    parser.add_argument("found", type=Path, help="annotations, or the folder that predict made from the .autlist")
    parser.add_argument("--max-distance", type=float, default=5.0, metavar="µm", help="of a pair (5)")
    parser.add_argument("--threshold", type=float, help="least probability")
    parser.add_argument("--time-points", type=int, nargs=2, metavar=("FIRST", "LAST"), help="score only these")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the scores there")
    parser.add_argument("--run", type=Path, help="keep the results of an .autlist in this run, for its report")
    _add_time_point_offset(parser)
    _add_reading(parser)


def _add_report(commands: Any) -> None:
    parser = _add(commands, "report", _report, "Write the report of a run: one HTML page, and JSON beside it.")
    parser.add_argument("run", type=Path, help="a run's folder")
    parser.add_argument("-o", "--output", type=Path, help="the page; else report.html in the run's folder")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier report")


def _add_demo(commands: Any) -> None:
    parser = _add(commands, "demo", _demo, "The whole way on the bundled movies, in a few minutes.")
    parser.add_argument("--output", type=Path, default=Path("demo"), metavar="FOLDER")
    parser.add_argument("--epochs", type=int)


def _add_runs(commands: Any) -> None:
    parser = _add(commands, "runs", _runs, "Compare the runs in a folder.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs"))


def _add_time_point_offset(parser: argparse.ArgumentParser) -> None:
    help_text = "time point of frame 0 of an .xml (0), where the movie counts from another number"
    parser.add_argument("--time-point-offset", type=int, default=0, metavar="N", help=help_text)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    """What files may not say."""
    parser.add_argument("--axes", help="of the images, such as tzyx; else as the files say")
    parser.add_argument("--spacing", dest="spacing_um", type=_lengths, metavar="Z,Y,X", help="µm per voxel")
    parser.add_argument("--pattern", help="of the files in a folder, such as im_t{time:03}c{channel}.tif")
    parser.add_argument("--accept-guess", action="store_true", help="take what neither files nor you say as guessed")


def _numbers(text: str) -> tuple[int, ...]:
    """2,3 → (2, 3)."""
    return tuple(int(part) for part in text.split(","))


def _lengths(text: str) -> tuple[float, ...]:
    """2,0.5,0.5 → (2.0, 0.5, 0.5)."""
    lengths = tuple(float(part) for part in text.split(","))
    if len(lengths) != 3:
        raise ValueError
    return lengths
