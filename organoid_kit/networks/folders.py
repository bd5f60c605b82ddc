"""Folders of trained networks: ``model.keras`` beside ``settings.json``, as OrganoidTracker's.

A folder of ours has all of `NetworkSettings` under the key "organoid_kit". In OrganoidTracker's,
what its predictor does is filled in instead. Nothing here needs Keras.
"""

import shutil
from pathlib import Path
from typing import Any

from organoid_kit.base import NetworkSettings, files, find_free_path, make_error, warn

SHIPPED = Path(__file__).parent / "shipped"
# As OrganoidTracker calls them.
NETWORK_TYPES = {"position": "positions", "division": "divisions", "link": "links"}
_FINE_TUNING_RATE = 5e-4


def find_network_folder(folder: str | Path) -> Path:
    """The folder with model.keras: this one, or that of the best network of this run."""
    folder = Path(folder)
    files.bring_back(folder)
    for candidate in (folder, folder / "network", SHIPPED / str(folder)):
        if (candidate / "model.keras").is_file() and (candidate / "settings.json").is_file():
            return candidate
    raise make_error("network folder", folder, shipped=", ".join(list_shipped_networks()))


def list_shipped_networks() -> list[str]:
    """Names of the networks that come with the kit."""
    return sorted(path.parent.name for path in SHIPPED.glob("*/model.keras"))


def load_settings(folder: str | Path) -> NetworkSettings:
    """The settings a network was trained with."""
    file = find_network_folder(folder) / "settings.json"
    values = files.read_json(file)
    if not isinstance(values, dict) or values.get("type") not in NETWORK_TYPES.values():
        raise make_error("network type", file, known=", ".join(NETWORK_TYPES.values()))
    if "organoid_kit" in values:
        return NetworkSettings.from_dict(values["organoid_kit"], str(file))
    return _make_foreign_settings(values, str(file))


def _make_foreign_settings(values: dict[str, Any], source: str) -> NetworkSettings:
    """What OrganoidTracker's predictors do with a network of theirs."""
    network = next(ours for ours, theirs in NETWORK_TYPES.items() if theirs == values["type"])
    known: dict[str, Any] = {"network": network, "preset": "original", "spacing_um": None}
    known |= {"intensity_quantiles": (0.01, 0.99), "remove_drift": False}
    known["time_window"] = values.get("time_window", [-1, 1])
    if network == "position":
        known |= {"patch_shape_zyx": (32, 64, 64), "threshold": 0.1}
    else:
        shape = values.get("patch_shape_zyx") or values.get("patch_shape_xyz", [32, 32, 16])[::-1]
        slope, intercept = values.get("platt_scaling", 1.0), values.get("platt_intercept", 0.0)
        if isinstance(slope, float) and slope <= 0:  # of a network that learned nothing
            message = "which would turn its answers round. They are left as they are"
            warn(f"{source}: platt_scaling is {slope:.3g}, {message}.")
            slope, intercept = 1.0, 0.0
        known |= {"patch_shape_zyx": shape, "calibration": (slope, intercept)}
    return NetworkSettings.from_dict(known, source)


def make_fine_tuning_settings(folder: str | Path, **changes: Any) -> NetworkSettings:
    """Settings to train on from a network: its own, uncalibrated, a low learning rate, changes."""
    own = {"start_from": str(folder), "learning_rate": _FINE_TUNING_RATE, "look": None}
    own |= {"calibration": (1.0, 0.0)}
    return load_settings(folder).changed(**(own | changes))


def save_settings(settings: NetworkSettings, folder: str | Path) -> None:
    """Puts other settings beside a saved network, such as another threshold."""
    file = find_network_folder(folder) / "settings.json"
    files.write_json_safely(file, make_record(settings), overwrite=True)


def copy_network(folder: str | Path, copy: str | Path, settings: NetworkSettings) -> Path:
    """Copies a network, with other settings, into a new folder; a name that is taken gets a number."""
    copy = find_free_path(Path(copy))
    with files.write_safely(copy) as temporary:
        shutil.copytree(find_network_folder(folder), temporary)
        save_settings(settings, temporary)
    return copy


def make_record(settings: NetworkSettings) -> dict[str, Any]:
    """What `settings.json` beside a network holds: what OrganoidTracker reads, and all of ours."""
    slope, intercept = settings.calibration
    record = {"type": NETWORK_TYPES[settings.network], "time_window": list(settings.time_window)}
    record |= {"patch_shape_zyx": list(settings.patch_shape_zyx)}
    record |= {"platt_scaling": slope, "platt_intercept": intercept}
    return record | {"organoid_kit": settings.to_dict()}
