"""Trained networks for OrganoidTracker: folders that its own programs for prediction load and run.

OrganoidTracker shows a network the voxels of a movie as they are, ours see one working spacing:
`build_for_movie` goes between. What OrganoidTracker does was read from its sources (commit
1ff6bc48, June 2026), for facts alone.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from organoid_kit import __version__
from organoid_kit.base import NetworkSettings, make_error, refuse_if
from organoid_kit.base.files import write_json_safely, write_safely, write_text_safely
from organoid_kit.evaluation.calibration import Calibration
from organoid_kit.networks.folders import NETWORK_TYPES, make_record
from organoid_kit.networks.own import one_or_all
from organoid_kit.networks.resampling import Lengths, build_for_movie
from organoid_kit.networks.saving import convert_to_float32, load_network, save_model

# OrganoidTracker's defaults: tiles, and how far they reach into their neighbours.
_TILE_YX = (320, 320)
_BUFFER_ZYX = (1, 32, 32)
_TRIAL_TILE_ZYX = (4, 32, 32)
_LARGEST_CHANGE = 1e-4  # between a network and the same one read from its file


def export_to_organoidtracker(
    folder: str | Path,
    output_folder: str | Path,
    *,
    spacing_um: Lengths,
    planes: int = 30,
    overwrite: bool = False,
) -> Path:
    """Writes a network for OrganoidTracker: model.keras, settings.json, and README.txt, which says
    what to set. Returns the output folder. UserError where it would be shown what it did not learn.

    Args:
        folder: a network, a run, or the name of a shipped network.
        output_folder: what OrganoidTracker's program is told as model_folder.
        spacing_um: µm per voxel, zyx, of the movies that OrganoidTracker will show the network.
        planes: of these movies, at most; of deeper ones OrganoidTracker makes tiles that do not
            meet well. Position networks only.
    """
    network, settings = load_network(folder)
    if not (planes >= 1 and len(spacing_um) == 3 and all(0 < each < np.inf for each in spacing_um)):
        raise make_error("export spacing", spacing_um=spacing_um, planes=planes)
    _check_window(settings)
    if planes == 1 and settings.spacing_um:
        spacing_um = (settings.spacing_um[0], *spacing_um[1:])  # a single plane is never resampled
    tile = np.array((planes, *_TILE_YX)) + 2 * np.array(_BUFFER_ZYX)
    model = build_for_movie(network, settings, spacing_um, tuple(tile.tolist()))
    with write_safely(output_folder, overwrite=overwrite) as temporary:
        temporary.mkdir()
        save_model(model, temporary / "model.keras")
        write_json_safely(temporary / "settings.json", _make_record(model, settings, spacing_um))
        write_text_safely(temporary / "README.txt", _explain(settings, spacing_um, planes))
    return Path(output_folder)


def check_export(network: keras.Model, settings: NetworkSettings) -> None:
    """Tries the export of a network, trained or not, for movies twice as fine: a second or two."""
    _check_window(settings)
    name = f"a {settings.network} network"
    spacing_um = tuple(own / 2 for own in settings.spacing_um or (1.0, 1.0, 1.0))
    try:
        change = _try_export(convert_to_float32(network, settings), settings, spacing_um)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise make_error("export opens", name=name, error=reason) from error
    refuse_if(not change <= _LARGEST_CHANGE, "export answers", name=name, change=change)


def _try_export(network: keras.Model, settings: NetworkSettings, spacing_um: Lengths) -> float:
    """How much answers change on the way through the file; NaN where they are none."""
    model = build_for_movie(network, settings, spacing_um, _TRIAL_TILE_ZYX)
    rng, inputs = np.random.default_rng(0), []
    for tensor in model.inputs:
        shape = [size or _TRIAL_TILE_ZYX[axis] for axis, size in enumerate(tensor.shape[1:])]
        inputs.append(rng.random((1, *shape), np.float32))
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder) / "model.keras")
        reopened = keras.models.load_model(Path(folder) / "model.keras", compile=False)
    answers = (either(one_or_all(inputs), training=False) for either in (model, reopened))
    before, after = map(keras.ops.convert_to_numpy, answers)
    return float(np.abs(before - after).max())


def _check_window(settings: NetworkSettings) -> None:
    """OrganoidTracker cuts both crops of a link at the same time points, ours are mirrored."""
    before, after = settings.time_window
    is_shifted = settings.network == "link" and before + after != 1
    refuse_if(is_shifted, "link window", window=settings.time_window)


def _make_record(model: keras.Model, settings: NetworkSettings, spacing_um: Lengths) -> dict:
    """What settings.json holds. OrganoidTracker reads all but the last two."""
    record = make_record(settings)
    record.pop("organoid_kit")
    record["patch_shape_zyx"] = [size or _TILE_YX[0] for size in model.inputs[0].shape[1:4]]
    return record | {"spacing_um": list(spacing_um), "exported_by": f"organoid_kit {__version__}"}


def _explain(settings: NetworkSettings, spacing_um: Lengths, planes: int) -> str:
    low, high = settings.intensity_quantiles
    keys = {"images_channels": ",".join(map(str, settings.channels))}
    keys |= {"scale_factor_xy": 1.0, "scale_factor_z": 1.0}
    keys |= {"intensity_min_quantile": low, "intensity_max_quantile": high}
    if settings.network == "position":
        threshold = float(Calibration(*settings.calibration).invert(settings.threshold))
        distance = max(1, round(settings.min_distance_um / spacing_um[1]))
        keys |= {"threshold": round(threshold, 4), "peak_min_distance_px": distance}
        keys |= dict(zip(("patch_shape_y", "patch_shape_x"), _TILE_YX, strict=True))
        keys |= dict(zip(("buffer_z", "buffer_y", "buffer_x"), _BUFFER_ZYX, strict=True))
    lines = [f"[predict_{NETWORK_TYPES[settings.network]}]"]
    lines += [f"{key} = {value}" for key, value in keys.items()]
    text = (Path(__file__).parent / "export_readme.txt").read_text(encoding="utf-8")
    return text.format(
        network=settings.network,
        spacing=" x ".join(f"{length:g}" for length in spacing_um),
        lines="\n".join(lines),
        notes="\n".join(_list_differences(settings, planes)),
    )


def _list_differences(settings: NetworkSettings, planes: int) -> Iterator[str]:
    if len(settings.channels) > 1:
        yield "- Channels: OrganoidTracker brings each channel to 8 bits before it sums them; this"
        yield "  network learned from their plain sum. Better give it a movie of that sum, and set"
        yield "  images_channels = 1."
    if settings.network == "position":
        yield f"- Depth: made for movies of at most {planes} planes. Export again for deeper ones."
        yield "- Positions come out as whole voxels, without probabilities."
    if settings.network == "link" and settings.remove_drift:
        yield "- Drift: the network learned without the movement of the whole sample;"
        yield "  OrganoidTracker keeps it."
