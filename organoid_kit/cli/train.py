"""`train`: a network from an .autlist, or a run that goes on."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.base.settings import (
    NETWORKS,
    PRESETS,
    NetworkSettings,
    make_settings,
    read_settings,
)
from organoid_kit.cli.fit import train_and_calibrate
from organoid_kit.cli.options import (
    CHANNELS_HELP,
    add_command,
    add_reading,
    parse_numbers,
    reading_options,
)
from organoid_kit.cli.shared import load_keras, require_channels
from organoid_kit.data.dataset import read_dataset
from organoid_kit.examples.splits import Split, split_by_movie, split_by_time_block
from organoid_kit.training.runs import Run

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


def add_options(commands: Any) -> None:
    """The command `train` and its options."""
    parser = add_command(commands, "train", _train, "Train a network.")
    parser.add_argument("dataset", type=Path, help="an .autlist")
    network_help = "what it finds (position); else as the settings or the network to start from say"
    parser.add_argument("--network", choices=NETWORKS, help=network_help)
    validation = parser.add_mutually_exclusive_group()
    validation.add_argument(
        "--validation", type=Path, help="an .autlist; else a movie or the end of it is kept back"
    )
    validation.add_argument(
        "--no-validation", action="store_true", help="keep nothing back; the training loss judges"
    )
    parser.add_argument("--settings", type=Path, help="settings.json or organoid_tracker.ini")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="RUN",
        help="go on with a run, with its settings; --epochs and --minutes may change",
    )
    parser.add_argument("--start-from", metavar="NETWORK", help="a network or run to train on from")
    parser.add_argument("--output", dest="output_folder", metavar="FOLDER", help="for runs")
    parser.add_argument("--channels", type=parse_numbers, help=CHANNELS_HELP)
    parser.add_argument("--preset", choices=PRESETS)
    parser.add_argument(
        "--patch", dest="patch_shape_zyx", type=parse_numbers, metavar="Z,Y,X", help="in voxels"
    )
    parser.add_argument("--minutes", type=float, help="stop and save after so many")
    for name, kind in (
        ("epochs", int),
        ("batch-size", int),
        ("learning-rate", float),
        ("seed", int),
    ):
        parser.add_argument(f"--{name}", type=kind)
    add_reading(parser)


def _train(options: argparse.Namespace) -> int:
    """Trains, calibrates, and chooses the threshold."""
    _refuse_changes(options)
    load_keras()
    settings = _choose_settings(options)
    split = _choose_split(options, settings)
    if not (options.channels or options.settings or options.resume):
        require_channels(annotated.movie for part in split.parts().values() for annotated in part)
    print(f"{split}\n", flush=True)
    return train_and_calibrate(split, settings, _build_command(options), options.resume)[1]


def _refuse_changes(options: argparse.Namespace) -> None:
    """A run that is resumed keeps its settings; only how long it trains may change."""
    fixed = ("network", "settings", *(key for key in _SETTINGS if key not in _LIMITS))
    stated = [_SETTINGS.get(key, f"--{key}") for key in fixed if getattr(options, key) is not None]
    if options.resume and stated:
        raise UserError(
            f"A run goes on with the settings it was started with. Received: {', '.join(stated)} with --resume "
            f"{str(options.resume)!r}. Leave them out, or start a new run with --start-from instead of --resume."
        )


def _build_command(options: argparse.Namespace) -> list[str]:
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
    valued = [
        text for name, value in stated.items() if value is not None for text in (name, str(value))
    ]
    return [str(options.dataset), *valued, *(name for name, is_on in switches.items() if is_on)]


def _choose_settings(options: argparse.Namespace) -> NetworkSettings:
    """From the run that is resumed, a file, the network to start from, or the defaults; options
    overrule them.
    """
    changes = {key: value for key in _SETTINGS if (value := getattr(options, key)) is not None}
    if options.resume:
        return Run(options.resume).settings.changed(**changes)
    if options.settings:
        return read_settings(options.settings, options.network).changed(**changes)
    if options.start_from:
        return _choose_fine_tuning_settings(options, changes)
    return make_settings(options.network or "position", **changes)


def _choose_fine_tuning_settings(
    options: argparse.Namespace, changes: dict[str, Any]
) -> NetworkSettings:
    """Those of the network to start from; it says what it finds."""
    from organoid_kit.networks.saving import make_fine_tuning_settings

    settings = make_fine_tuning_settings(options.start_from, **changes)
    if options.network not in (None, settings.network):
        raise UserError(
            f"A network goes on finding what it learned to find. Received: --network {options.network} with "
            f"--start-from {options.start_from}, a {settings.network} network. Leave out --network, or name another."
        )
    return settings


def _choose_split(options: argparse.Namespace, settings: NetworkSettings) -> Split:
    """The movies named for validation, or none; else one movie is kept for it, or the end of the
    only movie.
    """
    dataset = read_dataset(options.dataset, **reading_options(options))
    if options.no_validation:
        return Split(dataset, [])
    if options.validation:
        return Split(dataset, read_dataset(options.validation, **reading_options(options)))
    if len({(each.movie.path, each.movie.name) for each in dataset}) > 1:
        return split_by_movie(dataset, seed=settings.seed)
    try:
        return split_by_time_block(dataset, time_window=settings.time_window)
    except UserError as error:
        raise UserError(
            f"{error} To train on all of it and judge by the training loss, add --no-validation."
        ) from None
