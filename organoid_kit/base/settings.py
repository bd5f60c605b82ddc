"""Everything one chooses before training, in one frozen record that travels with the network."""

from __future__ import annotations

import configparser
import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from organoid_kit.base.errors import UserError, make_error, refuse_if
from organoid_kit.base.files import read_json, read_text, write_json_safely
from organoid_kit.base.records import convert

NETWORKS = ("position", "division", "link")
PRESETS = ("small", "standard", "original")


@dataclass(frozen=True)
class AugmentationSettings:
    """How training examples are varied. ``None`` (or ``False``) switches an operation off.

    Ranges are (lowest, highest), drawn uniformly; a single number is the largest change, drawn from
    zero up. Intensities are normalised: background about 0, bright nuclei about 1.
    """

    flip: bool = True  # y and x, each with probability 1/2
    rotation_degrees: float | None = 180.0  # in the plane, by up to this much either way
    scale: tuple[float, float] | None = (0.8, 1.25)  # in the plane; 1.25: nuclei 1.25 times larger
    brightness: tuple[float, float] | None = (0.6, 1.5)  # factor on all intensities
    contrast: tuple[float, float] | None = (0.7, 1.3)  # factor on the distance to the patch's mean
    gamma: tuple[float, float] | None = (0.7, 1.4)  # exponent
    depth_dimming: float | None = 0.6  # the deepest plane loses up to this part of its light
    noise: float | None = 0.08  # largest standard deviation of added Gaussian noise
    blur_px: float | None = 1.0  # largest standard deviation of a Gaussian blur in the plane
    # Division and link network: nuclei stand off the middle of their crop by up to this much, in
    # each direction
    jitter_um: float | None = 1.0
    # Division network: part of the crops whose surroundings are those of another nucleus
    paste: float | None = 0.3
    # Link network: up to so many time points from one to the next, as if nuclei moved faster; the
    # sample drifts by up to this much more between two time points, and turns in the plane by up to
    # this much either way
    skip: int | None = 2
    drift_um: float | None = 3.0
    turn_degrees: float | None = 15.0

    def __post_init__(self) -> None:
        _check(self, _AUGMENTATION_RULES)


@dataclass(frozen=True)
class NetworkSettings:
    """All that defines a network and its training. Tuples of three are z, y, x. Channels count from
    1, as OrganoidTracker counts them; several are summed.
    """

    network: str = "position"
    preset: str = "small"  # laptop; "standard": graphics card; "original": OrganoidTracker's layout
    channels: tuple[int, ...] = (1,)
    time_window: tuple[int, int] = (-1, 1)  # first and last time point seen, around the central one
    # What movies are resampled to; None: as the first
    spacing_um: tuple[float, float, float] | None = (2.0, 1.0, 1.0)
    # How wide the nuclei are that the network knows; movies of others are scaled. None: any size
    nucleus_diameter_um: float | None = None
    intensity_quantiles: tuple[float, float] = (0.10, 0.998)  # mapped to 0 and 1, see `normalise`
    patch_shape_zyx: tuple[int, int, int] = (16, 48, 48)
    batch_size: int = 4
    patches_per_time_point: int = 8  # drawn from each annotated time point in an epoch
    epochs: int = 50
    learning_rate: float = 3e-3
    patience: int = 10  # epochs without a better validation loss before training stops
    minutes: float | None = None  # time budget: stop and save after so many minutes of training
    checkpoint_minutes: float = 3.0
    mixed_precision: bool | None = None  # None: where card or processor gain from it
    seed: int = 1
    # Slope and intercept that turn the network's scores into probabilities
    calibration: tuple[float, float] = (1.0, 0.0)
    # How the movies looked that it was trained on, see `measure_look`; measured, not chosen
    look: tuple[float, ...] | None = None
    loss: str | None = None  # the name of a learner's own; noted by the training, not chosen
    # Position network only
    nucleus_sigma_um: float = 1.5  # size of the dot drawn at each nucleus centre in the target
    min_distance_um: float = 3.0  # two nuclei are never predicted closer than this
    threshold: float = 0.5  # probability above which a peak is a nucleus; set on validation movies
    # Division network only: time points that count as dividing, around the mother's last
    division_window: tuple[int, int] = (0, 0)
    # Link network only
    max_link_um: float = 12.0  # after drift, none moves farther; 12: farther where nuclei are large
    link_neighbours: int = 6  # at most so many candidates for each position, forwards and backwards
    remove_drift: bool = True  # take out first how all nuclei, and the neighbours, move together
    augmentation: AugmentationSettings = field(default_factory=AugmentationSettings)
    output_folder: str = "runs"
    start_from: str | None = None  # a run or network folder to train on from

    def __post_init__(self) -> None:
        _check(self, _RULES)

    @property
    def window_length(self) -> int:
        """Number of time points that the network sees together."""
        return self.time_window[1] - self.time_window[0] + 1

    def changed(self, **changes: Any) -> NetworkSettings:
        """The same settings but for these changes. Raises UserError as `make_settings` does."""
        _check_names(NetworkSettings, changes)
        return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "settings") -> NetworkSettings:
        """From what `to_dict` gave; what is missing is as in `make_settings`."""
        _check_names(cls, values, f" in {source}")
        try:
            return cls(**(_DEFAULTS.get(str(values.get("network")), {}) | values))
        except UserError as error:
            raise UserError(f"{error} It was read from {source}.") from error


# Where the other two networks' defaults differ from those of the position network
_CROPS = {"patch_shape_zyx": (8, 32, 32), "batch_size": 32, "learning_rate": 1e-3, "epochs": 30}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "division": _CROPS | {"patches_per_time_point": 48},
    "link": _CROPS | {"patches_per_time_point": 64, "time_window": (0, 1)},
}


def make_settings(network: str = "position", **changes: Any) -> NetworkSettings:
    """The defaults for one of the three networks, but for these changes."""
    _check_names(NetworkSettings, changes)
    return NetworkSettings(network=network, **(_DEFAULTS.get(network, {}) | changes))


# What must hold for a value other than None, and how to say it
_Rules = dict[str, tuple[Callable[[Any], bool], str]]
_ONE_OR_MORE = (lambda v: v >= 1, "1 or more")
_ZERO_OR_MORE = (lambda v: v >= 0, "0 or more")
_ABOVE_ZERO = (lambda v: v > 0, "above 0")
_PART = (lambda v: 0 <= v <= 1, "within 0 and 1")
_AROUND_ZERO = (lambda v: v[0] <= 0 <= v[1], "a range around 0, such as (-1, 1)")
_RISING = (lambda v: 0 < v[0] <= v[1], "two numbers above 0, the second not below the first")
_RULES: _Rules = {
    "network": (lambda v: v in NETWORKS, "one of " + ", ".join(NETWORKS)),
    "preset": (lambda v: v in PRESETS, "one of " + ", ".join(PRESETS)),
    "channels": (lambda v: v and min(v) >= 1, "channel numbers from 1 up, such as (3, 4)"),
    "time_window": _AROUND_ZERO,
    "spacing_um": (lambda v: min(v) > 0, "three lengths above 0"),
    "intensity_quantiles": (lambda v: 0 <= v[0] < v[1] <= 1, "two rising numbers within 0 and 1"),
    "patch_shape_zyx": (lambda v: min(v) >= 1, "three numbers of voxels from 1 up"),
    "learning_rate": (lambda v: 0 < v <= 1, "above 0 and at most 1"),
    "calibration": (lambda v: v[0] > 0, "a slope above 0 and an intercept"),
    "threshold": (lambda v: 0 < v < 1, "between 0 and 1"),
    "look": (lambda v: len(v) == 12 and min(v) >= 0, "six ranges, as `measure_look` gives them"),
    "division_window": _AROUND_ZERO,
    **dict.fromkeys(("batch_size", "patches_per_time_point", "epochs"), _ONE_OR_MORE),
    **dict.fromkeys(("patience", "link_neighbours"), _ONE_OR_MORE),
    **dict.fromkeys(("checkpoint_minutes", "seed"), _ZERO_OR_MORE),
    **dict.fromkeys(("minutes", "nucleus_diameter_um", "nucleus_sigma_um"), _ABOVE_ZERO),
    **dict.fromkeys(("min_distance_um", "max_link_um"), _ABOVE_ZERO),
}
_AUGMENTATION_RULES: _Rules = {
    "rotation_degrees": (lambda v: 0 <= v <= 180, "within 0 and 180"),
    **dict.fromkeys(("scale", "brightness", "contrast", "gamma"), _RISING),
    **dict.fromkeys(("depth_dimming", "paste"), _PART),
    **dict.fromkeys(("noise", "blur_px", "jitter_um", "drift_um"), _ZERO_OR_MORE),
    "skip": _ONE_OR_MORE,
    "turn_degrees": (lambda v: 0 <= v <= 90, "within 0 and 90"),
}


def _check(settings: Any, rules: _Rules) -> None:
    """Brings each value to the type of its field (lists to tuples), checks it against its rule."""
    for key, wanted in typing.get_type_hints(type(settings)).items():
        value = getattr(settings, key)
        if not dataclasses.is_dataclass(wanted):
            value = convert(value, wanted, f"The setting {key}")
        elif not isinstance(value, wanted):
            _check_names(wanted, value, f" in {key}")
            value = wanted(**value)
        if key in rules and value is not None and not rules[key][0](value):
            words = rules[key][1] + (", or None" if isinstance(wanted, types.UnionType) else "")
            raise UserError(f"The setting {key} must be {words}. Received: {value!r}. Change it.")
        object.__setattr__(settings, key, value)


def _check_names(cls: type, values: Any, where: str = "") -> None:
    """Raises UserError where settings of this kind have no such names, and proposes others."""
    known = [field.name for field in dataclasses.fields(cls)]
    refuse_if(not isinstance(values, dict), "settings object", values=values, place=where)
    if unknown := sorted(set(values) - set(known)):
        near = difflib.get_close_matches(unknown[0], known, n=1)
        guess, found = f"Did you mean {near[0]}? " if near else "", ", ".join(map(repr, unknown))
        raise make_error("setting names", where, found=found, guess=guess, known=", ".join(known))


def read_settings(path: str | Path, network: str | None = None) -> NetworkSettings:
    """Settings from JSON, or ``organoid_tracker.ini`` with sections for several networks."""
    if Path(path).suffix == ".ini":
        return _read_ini(path, network)
    settings = NetworkSettings.from_dict(read_json(path), str(path))
    if network not in (None, settings.network):
        raise make_error("settings of network", network=network, found=settings.network, path=path)
    return settings


def write_settings(settings: NetworkSettings, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes settings as JSON. Raises UserError where the file exists or cannot be written."""
    write_json_safely(path, settings.to_dict(), overwrite=overwrite)


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _unquote(text: str) -> str:
    """A text without the quotes that OrganoidTracker allows around it."""
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


# OrganoidTracker's names, as its training script writes them (spaces and underscores alike), and
# what they are here. Its patch shapes are x, y, z.
_INI_KEYS = {
    "epochs": ("epochs", int),
    "max_training_epochs": ("epochs", int),
    "batch_size": ("batch_size", int),
    "learning_rate": ("learning_rate", float),
    "patience": ("patience", int),
    "patch_shape": ("patch_shape_zyx", lambda text: _whole_numbers(text)[::-1]),
    "output_folder": ("output_folder", _unquote),
    "pretrained_model_path": ("start_from", lambda text: _unquote(text) or None),
    "identify_full_division_window": (
        "division_window",
        lambda text: ((0, 0), (-3, 2))[["false", "true"].index(_unquote(text).lower())],
    ),
    "time_window_before": ("first", int),
    "time_window_after": ("last", int),
    "image_channels_1 …": ("channels", _whole_numbers),
    "dataset_file": (None, str),  # which movies to train on is no setting of a network
}
_INI_SECTIONS = {
    "train_position_network": "position",
    "train_network": "position",  # its name until 2021
    "train_division_network": "division",
    "train_link_network": "link",
}


def _read_ini(path: str | Path, network: str | None) -> NetworkSettings:
    """Settings from the section that trains a network, such as [train_link_network]."""
    section = _read_section(path, network)
    changes: dict[str, Any] = {"network": _INI_SECTIONS[section.name]}
    for key, value in section.items():
        # OrganoidTracker's manual says image_channels_1, its older script images_channels_1
        name = re.sub("images?_channels_.*", "image_channels_1 …", key.replace(" ", "_"))
        refuse_if(name not in _INI_KEYS, "ini key", path, key=key, known=", ".join(_INI_KEYS))
        field_name, convert = _INI_KEYS[name]
        try:
            converted = convert(value)
        except ValueError as error:
            raise make_error("ini value", path, key=key, value=repr(value)) from error
        if field_name == "channels" and changes.get("channels", converted) != converted:
            raise make_error(
                "ini channels", path, before=changes["channels"], converted=converted, key=key
            )
        changes[field_name] = converted
    changes.pop(None, None)
    first, last = make_settings(changes["network"]).time_window
    changes["time_window"] = (changes.pop("first", first), changes.pop("last", last))
    return NetworkSettings.from_dict(changes, str(path))


def _read_section(path: str | Path, network: str | None) -> configparser.SectionProxy:
    """The one section for this network, or for any; [DEFAULTS] stands in for what it lacks."""
    parser = configparser.ConfigParser(interpolation=None, default_section="DEFAULTS")
    try:
        parser.read_string(read_text(path))
    except configparser.Error as error:
        raise make_error("ini file", path, error=error) from error
    wanted = [name for name, kind in _INI_SECTIONS.items() if network in (None, kind)]
    found = [name for name in wanted if name in parser]
    if len(found) != 1:
        raise make_error("ini section", path, wanted="], [".join(wanted), found=parser.sections())
    return parser[found[0]]
