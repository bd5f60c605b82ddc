"""Everything one chooses before training, in one frozen record that travels with the network."""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import math
import numbers
import os
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError
from organoid_kit.base.files import read_json, read_text, write_json_safely

NETWORKS = ("position", "division", "link")
PRESETS = ("small", "standard", "original")


@dataclass(frozen=True)
class AugmentationSettings:
    """How training examples are varied. ``None`` (or ``False``) switches an operation off.

    Ranges are (lowest, highest) and drawn uniformly; a single number is the largest change, drawn
    from zero up. Intensities are meant after normalisation, where background is about 0 and bright
    nuclei are about 1.
    """

    flip: bool = True  # y and x, each with probability 1/2
    rotation_degrees: float | None = 180.0  # in the plane, by up to this much either way
    scale: tuple[float, float] | None = (
        0.8,
        1.25,
    )  # in the plane; 1.25 shows nuclei 1.25 times larger
    brightness: tuple[float, float] | None = (0.6, 1.5)  # factor on all intensities
    contrast: tuple[float, float] | None = (0.7, 1.3)  # factor on the distance to the patch's mean
    gamma: tuple[float, float] | None = (0.7, 1.4)  # exponent
    depth_dimming: float | None = 0.6  # the deepest plane loses up to this part of its light
    noise: float | None = 0.08  # largest standard deviation of added Gaussian noise
    blur_px: float | None = 1.0  # largest standard deviation of a Gaussian blur in the plane
    # Division and link network only
    jitter_um: float | None = (
        1.0  # nuclei stand off the middle of their crop by up to this much, in each direction
    )
    paste: float | None = (
        0.3  # division network: part of the crops whose surroundings are those of another nucleus
    )
    skip: int | None = (
        2  # link network: up to so many time points from one to the next, as if nuclei moved faster
    )
    drift_um: float | None = (
        3.0  # link network: the sample moves by up to this much more between two time points
    )
    turn_degrees: float | None = (
        15.0  # link network: and turns, in the plane, by up to this much either way
    )

    def __post_init__(self) -> None:
        """Checks every value against its type and range."""
        _check(self, _AUGMENTATION_RULES)


@dataclass(frozen=True)
class NetworkSettings:
    """Everything that defines a network and its training. Tuples of three are z, y, x.

    Channels are counted from 1, as OrganoidTracker counts them; several channels are summed.

    Raises:
        UserError: a value is of the wrong type or outside its range.
    """

    network: str = "position"
    preset: str = "small"  # "small" (laptop), "standard" (graphics card) or "original" (OrganoidTracker's layout)
    channels: tuple[int, ...] = (1,)
    time_window: tuple[int, int] = (
        -1,
        1,
    )  # first and last time point seen, relative to the central one
    spacing_um: tuple[float, float, float] | None = (
        2.0,
        1.0,
        1.0,
    )  # what movies are resampled to; None: as the first
    intensity_quantiles: tuple[float, float] = (0.10, 0.998)  # mapped to 0 and 1, see `normalise`
    patch_shape_zyx: tuple[int, int, int] = (16, 48, 48)
    batch_size: int = 4
    patches_per_time_point: int = 8  # drawn from each annotated time point in an epoch
    epochs: int = 50
    learning_rate: float = 3e-3
    patience: int = 10  # epochs without a better validation loss before training stops
    minutes: float | None = None  # time budget: stop and save after so many minutes of training
    checkpoint_minutes: float = 3.0
    mixed_precision: bool | None = (
        None  # None: on where there is a graphics card that gains from it
    )
    seed: int = 1
    calibration: tuple[float, float] = (
        1.0,
        0.0,
    )  # slope, intercept: makes the network's answers probabilities
    # Position network only
    nucleus_sigma_um: float = 1.5  # size of the dot drawn at each nucleus centre in the target
    min_distance_um: float = 3.0  # two nuclei are never predicted closer than this
    threshold: float = 0.5  # probability above which a peak is a nucleus; set on validation movies
    # Division network only
    division_window: tuple[int, int] = (
        0,
        0,
    )  # time points that count as dividing, around the mother's last
    # Link network only
    max_link_um: float = (
        12.0  # farther apart, after drift, two positions are never taken for the same nucleus
    )
    link_neighbours: int = 6  # at most so many candidates for each position, forwards and backwards
    remove_drift: bool = (
        True  # whether the movement of all nuclei together, and of those around, is taken out first
    )
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    output_folder: str = "runs"
    start_from: str | None = None  # a run or network folder to train on from

    def __post_init__(self) -> None:
        """Checks every value against its type and range; lists become tuples."""
        _check(self, _RULES)

    def changed(self, **changes: Any) -> NetworkSettings:
        """The same settings but for these changes. Raises UserError as `make_settings` does."""
        _check_names(NetworkSettings, changes)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """As plain dictionaries, lists and numbers, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "settings") -> NetworkSettings:
        """From what `to_dict` gave; what is missing is as in `make_settings`.

        Raises:
            UserError: a key is unknown, or a value of the wrong type or outside its range; `source`
                is named.
        """
        if isinstance(values, dict):
            values = _DEFAULTS.get(str(values.get("network")), {}) | values
        return _from_dict(cls, values, source)


_RULES = (
    ("network", lambda s: s.network in NETWORKS, "one of " + ", ".join(NETWORKS)),
    ("preset", lambda s: s.preset in PRESETS, "one of " + ", ".join(PRESETS)),
    (
        "channels",
        lambda s: s.channels and min(s.channels) >= 1,
        "channel numbers from 1 up, such as (3, 4)",
    ),
    (
        "time_window",
        lambda s: s.time_window[0] <= 0 <= s.time_window[1],
        "a range around 0, such as (-1, 1)",
    ),
    (
        "spacing_um",
        lambda s: s.spacing_um is None or min(s.spacing_um) > 0,
        "three lengths above 0",
    ),
    (
        "intensity_quantiles",
        lambda s: 0 <= s.intensity_quantiles[0] < s.intensity_quantiles[1] <= 1,
        "two rising numbers within 0 and 1",
    ),
    ("patch_shape_zyx", lambda s: min(s.patch_shape_zyx) >= 1, "three numbers of voxels from 1 up"),
    ("batch_size", lambda s: s.batch_size >= 1, "1 or more"),
    ("patches_per_time_point", lambda s: s.patches_per_time_point >= 1, "1 or more"),
    ("epochs", lambda s: s.epochs >= 1, "1 or more"),
    ("learning_rate", lambda s: 0 < s.learning_rate <= 1, "above 0 and at most 1"),
    ("patience", lambda s: s.patience >= 1, "1 or more"),
    ("minutes", lambda s: s.minutes is None or s.minutes > 0, "above 0, or None for no limit"),
    ("checkpoint_minutes", lambda s: s.checkpoint_minutes >= 0, "0 or more"),
    ("seed", lambda s: s.seed >= 0, "0 or more"),
    ("nucleus_sigma_um", lambda s: s.nucleus_sigma_um > 0, "above 0"),
    ("min_distance_um", lambda s: s.min_distance_um > 0, "above 0"),
    ("threshold", lambda s: 0 < s.threshold < 1, "between 0 and 1"),
    ("calibration", lambda s: s.calibration[0] > 0, "a slope above 0 and an intercept"),
    (
        "division_window",
        lambda s: s.division_window[0] <= 0 <= s.division_window[1],
        "a range around 0, such as (-1, 1)",
    ),
    ("max_link_um", lambda s: s.max_link_um > 0, "above 0"),
    ("link_neighbours", lambda s: s.link_neighbours >= 1, "1 or more"),
)

# Where the other two networks' defaults differ from those of the position network.
_DEFAULTS: dict[str, dict[str, Any]] = {
    "position": {},
    "division": {
        "patch_shape_zyx": (8, 32, 32),
        "batch_size": 32,
        "patches_per_time_point": 48,
        "learning_rate": 1e-3,
        "epochs": 30,
    },
    "link": {
        "time_window": (0, 1),
        "patch_shape_zyx": (8, 32, 32),
        "batch_size": 32,
        "patches_per_time_point": 64,
        "learning_rate": 1e-3,
        "epochs": 30,
    },
}


def make_settings(network: str = "position", **changes: Any) -> NetworkSettings:
    """The defaults for one of the three networks, but for these changes.

    Raises:
        UserError: there is no such network or setting, or a value is not possible.
    """
    _check_names(NetworkSettings, changes)
    return NetworkSettings(network=network, **(_DEFAULTS.get(network, {}) | changes))


def _is_range(limits: tuple[float, float] | None) -> bool:
    return limits is None or 0 < limits[0] <= limits[1]


_RISING = "two numbers above 0, the second not below the first, or None"
_AUGMENTATION_RULES = (
    (
        "rotation_degrees",
        lambda s: 0 <= (s.rotation_degrees or 0) <= 180,
        "within 0 and 180, or None",
    ),
    ("scale", lambda s: _is_range(s.scale), _RISING),
    ("brightness", lambda s: _is_range(s.brightness), _RISING),
    ("contrast", lambda s: _is_range(s.contrast), _RISING),
    ("gamma", lambda s: _is_range(s.gamma), _RISING),
    ("depth_dimming", lambda s: 0 <= (s.depth_dimming or 0) <= 1, "within 0 and 1, or None"),
    ("noise", lambda s: (s.noise or 0) >= 0, "0 or more, or None"),
    ("blur_px", lambda s: (s.blur_px or 0) >= 0, "0 or more, or None"),
    ("jitter_um", lambda s: (s.jitter_um or 0) >= 0, "0 or more, or None"),
    ("paste", lambda s: 0 <= (s.paste or 0) <= 1, "within 0 and 1, or None"),
    ("skip", lambda s: s.skip is None or s.skip >= 1, "1 or more, or None"),
    ("drift_um", lambda s: (s.drift_um or 0) >= 0, "0 or more, or None"),
    ("turn_degrees", lambda s: 0 <= (s.turn_degrees or 0) <= 90, "within 0 and 90, or None"),
)


def _check(settings: Any, rules: tuple[tuple[str, Callable[[Any], bool], str], ...]) -> None:
    """Brings each value to the type of its field. Raises UserError for the first that has another
    or breaks a rule.
    """
    for key, wanted in typing.get_type_hints(type(settings)).items():
        object.__setattr__(settings, key, _to_type(getattr(settings, key), wanted, key))
    for key, holds, wanted in rules:
        if not holds(settings):
            raise UserError(
                f"The setting {key} must be {wanted}. Received: {getattr(settings, key)!r}. Change it in your settings."
            )


def _check_names(cls: type, names: Iterable[str], where: str = "") -> None:
    """Raises UserError where settings of this kind have no such names, and proposes others."""
    known = [field.name for field in dataclasses.fields(cls)]
    if unknown := sorted(set(names) - set(known)):
        near = difflib.get_close_matches(unknown[0], known, n=1)
        guess = f"Did you mean {near[0]}? " if near else ""
        received = ", ".join(map(repr, unknown))
        known_are = f"Known are: {', '.join(known)}."
        raise UserError(
            f"Settings must have known names. Received: {received}{where}. {guess}{known_are}"
        )


def _from_dict(cls: type, values: Any, source: str) -> Any:
    """A settings record from a dictionary, each value brought to the type its field names."""
    if not isinstance(values, dict):
        raise UserError(
            f"Settings must be a JSON object. Received: {type(values).__name__} in {source}."
        )
    types_of_fields = typing.get_type_hints(cls)
    _check_names(cls, values, f" in {source}")
    typed = {
        key: _to_type(value, types_of_fields[key], f"{key} in {source}")
        for key, value in values.items()
    }
    try:
        return cls(**typed)
    except UserError as error:
        raise UserError(f"{error} It was read from {source}.") from error


def _to_type(value: Any, wanted: Any, where: str) -> Any:
    """The value as the wanted type. Raises UserError where it is something else."""
    options = typing.get_args(wanted) if isinstance(wanted, types.UnionType) else (wanted,)
    if value is None and type(None) in options:
        return None
    wanted = options[0]
    if dataclasses.is_dataclass(wanted):
        return value if isinstance(value, wanted) else _from_dict(wanted, value, where)
    if typing.get_origin(wanted) is tuple and isinstance(value, (list, tuple)):
        kinds = typing.get_args(wanted)
        if kinds[-1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        if len(kinds) == len(value):
            return tuple(
                _to_type(part, kind, where) for part, kind in zip(value, kinds, strict=True)
            )
    elif wanted is float and _is_number(value, numbers.Real):
        return float(value)
    elif wanted is int and _is_number(value, numbers.Integral):
        return int(value)
    elif wanted is str and isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    elif wanted is bool and isinstance(value, bool):
        return value
    raise UserError(
        f"The setting must be {_type_name(wanted)}. Received: {value!r} for {where}. Correct the value."
    )


def _is_number(value: Any, kind: type) -> bool:
    """Whether a value is a finite number of this kind, Python's or NumPy's."""
    return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)


def _type_name(wanted: Any) -> str:
    """A type in words."""
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    if wanted in names:
        return names[wanted]
    kinds = typing.get_args(wanted)
    return f"a list of {'' if kinds[-1] is Ellipsis else f'{len(kinds)} '}numbers, each {names[kinds[0]]}"


def read_settings(path: str | Path, network: str | None = None) -> NetworkSettings:
    """Reads settings from a JSON file, or from an ``organoid_tracker.ini``.

    Args:
        path: of the file.
        network: for which network; needed where an .ini has sections for several.

    Raises:
        UserError: the file cannot be read, says something that is not known, or is for another
            network.
    """
    if Path(path).suffix == ".ini":
        return _settings_from_ini(read_text(path), str(path), network)
    settings = NetworkSettings.from_dict(read_json(path), str(path))
    if network not in (None, settings.network):
        raise UserError(
            f"The settings must be for a {network} network. Received: network {settings.network!r} in {path}. "
            "Choose another file."
        )
    return settings


def write_settings(settings: NetworkSettings, path: str | Path) -> None:
    """Writes settings as JSON. Raises UserError where the file exists or cannot be written."""
    write_json_safely(path, settings.to_dict())


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _text(text: str) -> str:
    """A text without the quotes that OrganoidTracker allows around it."""
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _is_true(text: str) -> bool:
    """Raises ValueError where it is neither true nor false."""
    return bool(["false", "true"].index(_text(text).lower()))


# OrganoidTracker's names (as its training script writes them, spaces and underscores alike) and
# what they are here. Its patch shapes are x, y, z.
_INI_KEYS = {
    "epochs": ("epochs", int),
    "max_training_epochs": ("epochs", int),
    "batch_size": ("batch_size", int),
    "learning_rate": ("learning_rate", float),
    "patience": ("patience", int),
    "patch_shape": ("patch_shape_zyx", lambda text: _whole_numbers(text)[::-1]),
    "output_folder": ("output_folder", _text),
    "pretrained_model_path": ("start_from", lambda text: _text(text) or None),
    "identify_full_division_window": (
        "division_window",
        lambda text: _FULL_WINDOW if _is_true(text) else (0, 0),
    ),
}
_FULL_WINDOW = (-3, 2)  # what OrganoidTracker calls the full division window
_INI_WINDOW = ("time_window_before", "time_window_after")
_INI_CHANNELS = (
    "image_channels_",
    "images_channels_",
)  # its manual's name and that of its older script
_INI_ELSEWHERE = "dataset_file"  # which movies to train on is no setting of a network
_INI_SECTIONS = {
    "train_position_network": "position",
    "train_network": "position",  # its name until 2021
    "train_division_network": "division",
    "train_link_network": "link",
}


def _settings_from_ini(text: str, source: str, network: str | None) -> NetworkSettings:
    """Settings from the section of an organoid_tracker.ini that trains a network, such as
    [train_link_network].
    """
    section, values = _read_section(text, source, network)
    changes: dict[str, Any] = {"network": _INI_SECTIONS[section]}
    window = list(make_settings(_INI_SECTIONS[section]).time_window)
    for key, value in values.items():
        name = key.replace(" ", "_")
        try:
            if name in _INI_KEYS:
                field_name, convert = _INI_KEYS[name]
                changes[field_name] = convert(value)
            elif name in _INI_WINDOW:
                window[_INI_WINDOW.index(name)] = int(value)
            elif name.startswith(_INI_CHANNELS):
                _add_channels(changes, key, _whole_numbers(value), source)
            elif name != _INI_ELSEWHERE:
                raise UserError(
                    f"Every key must be known. Received: {key!r} in {source}. Known are: "
                    f"{', '.join([*_INI_KEYS, *_INI_WINDOW, 'image_channels_1 …', _INI_ELSEWHERE])}. "
                    "Remove or rename it."
                )
        except UserError:
            raise
        except ValueError as error:
            raise UserError(
                f"The value of {key!r} must be a number, a list of numbers, or True or False. Received: {value!r} in "
                f"{source}. Correct it."
            ) from error
    return NetworkSettings.from_dict(changes | {"time_window": tuple(window)}, source)


def _read_section(text: str, source: str, network: str | None) -> tuple[str, dict[str, str]]:
    """The one section for this network, or for any; its keys and values, [DEFAULTS] standing in for
    what it lacks.
    """
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise UserError(
            f"An .ini file must have [sections] with key = value. Received: {source} ({error}). Correct this line."
        ) from error
    wanted = [name for name, its in _INI_SECTIONS.items() if network in (None, its)]
    found = [name for name in wanted if name in parser]
    if len(found) != 1:
        raise UserError(
            f"The file must have one section of [{'], ['.join(wanted)}]. Received: {parser.sections()} in {source}. "
            "Keep or add one, or say which network is meant: read_settings(path, network='link')."
        )
    defaults = dict(parser["DEFAULTS"]) if "DEFAULTS" in parser else {}
    return found[0], defaults | dict(parser[found[0]])


def _add_channels(
    changes: dict[str, Any], key: str, channels: tuple[int, ...], source: str
) -> None:
    """One choice of channels holds for all movies of a training; different ones are refused."""
    if changes.setdefault("channels", channels) != channels:
        raise UserError(
            f"All movies of a training must use the same channels. Received: {changes['channels']}, then {channels} "
            f"for {key!r} in {source}. Reorder the channels of that movie with `read_timelapse` first."
        )
