"""What was done, in sentences that can go into a methods section; they follow from the settings
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from organoid_kit.base.settings import NetworkSettings
from organoid_kit.plots.drawing import count
from organoid_kit.report.page import join_words
from organoid_kit.report.results import Result, read_calibration
from organoid_kit.training.runs import OWN_NETWORK, Run, find_best

_KINDS = {
    "platt": "Platt scaling (slope and intercept)",
    "temperature": "temperature scaling (slope only)",
}


def describe_method(run: Run, results: Sequence[Result] = ()) -> str:
    """What was done, from training to scores."""
    settings, history = run.settings, run.history
    data = run.details["data"]
    parts = {
        part: [each for each in data if each["part"] == part] for part in ("training", "validation")
    }
    sentences = [
        _describe_start(run, parts["training"]),
        _describe_image_input(settings),
        {"position": _describe_patches, "division": _describe_crops, "link": _describe_pairs}[
            settings.network
        ](settings),
        _describe_augmentation(settings),
        f"They were shown in batches of {settings.batch_size} for {len(history)} epochs (Adam, learning rate "
        f"{settings.learning_rate:g}, seed {settings.seed}).",
        _describe_choice(run, parts["validation"]),
        _describe_calibration(run),
        _describe_comparison(settings, results) if results else "",
    ]
    return " ".join(filter(None, sentences))


def _describe_start(run: Run, training: Sequence[dict[str, Any]]) -> str:
    settings, versions = run.settings, run.details["versions"]
    keras = f"Keras {versions['keras']}" if "keras" in versions else "Keras"
    start = f"from {settings.start_from!r} on," if settings.start_from else "from scratch"
    is_own = (run.folder / OWN_NETWORK).exists()
    layers = "with layers of its own" if is_own else f"preset {settings.preset!r}"
    return (
        f"A {settings.network} network (organoid_kit {versions['organoid_kit']}, {keras}, {layers}) "
        f"was trained {start} on {describe_data(training)}."
    )


def describe_data(data: Sequence[dict[str, Any]]) -> str:
    """How much is annotated, and in which movies; what was not counted is left out."""
    times = sum(len(each["time_points"]) for each in data)
    counts = [count(sum(each["positions"] for each in data), "position")]
    for noun in ("link", "division"):
        number = sum(each.get(f"{noun}s", 0) for each in data)
        counts += [count(number, noun)] * bool(number)
    return f"{join_words(counts)} at {count(times, 'time point')} of {join_words(each['name'] for each in data)}"


def _describe_image_input(settings: NetworkSettings) -> str:
    channels = f"channel {settings.channels[0]}"
    if len(settings.channels) > 1:
        channels = f"the sum of channels {join_words(map(str, settings.channels))}"
    low, high = settings.intensity_quantiles
    spacing = ""
    if settings.spacing_um:
        spacing = f", brought to {' × '.join(f'{each:g}' for each in settings.spacing_um)} µm per voxel (z, y, x)"
    return (
        f"It saw {channels}{spacing}, scaled so that the quantiles {low:g} and {high:g} of the intensities became 0 "
        f"and 1, {_describe_window(settings)}."
    )


def _describe_window(settings: NetworkSettings) -> str:
    first, last = settings.time_window
    if settings.network == "link":
        return f"at the time points {first:+d} to {last:+d} around the earlier nucleus, and mirrored around the later"
    return f"at the time points {first:+d} to {last:+d} around the one in question"


def _format_size(settings: NetworkSettings) -> str:
    """The size of a patch in voxels, and in µm where the spacing is known."""
    shape = settings.patch_shape_zyx
    words = f"{' × '.join(map(str, shape))} voxels (z, y, x"
    if settings.spacing_um:
        words += (
            "; "
            + " × ".join(f"{n * each:g}" for n, each in zip(shape, settings.spacing_um))
            + " µm"
        )
    return words + ")"


def _describe_patches(settings: NetworkSettings) -> str:
    return f"Patches of {_format_size(settings)} were drawn around annotated nuclei and elsewhere in the annotated region."


def _describe_crops(settings: NetworkSettings) -> str:
    first, last = settings.division_window
    window = "A mother's last time point counts as dividing"
    if (first, last) != (0, 0):
        window += f", and the time points {first:+d} to {last:+d} around it"
    return (
        f"Crops of {_format_size(settings)} with a nucleus in the middle were drawn by kind: a third divisions, a third "
        "nuclei that look alike (the same ones just before and after, their neighbours, crowds), a third ordinary "
        f"nuclei, every other one the brightest of a few. {window}."
    )


def _describe_pairs(settings: NetworkSettings) -> str:
    drift = (
        "with the drift of the whole sample taken out"
        if settings.remove_drift
        else "with drift left in"
    )
    return (
        f"Pairs of crops of {_format_size(settings)} with their displacement in space were drawn from candidates at most "
        f"{settings.max_link_um:g} µm apart, {drift}, to the {settings.link_neighbours} nearest nuclei either way: "
        "30 % hard true links (divisions, fast nuclei, crowds), 20 % other true links, 35 % near and 15 % far wrong "
        "candidates."
    )


_VARIATIONS = (  # setting, what it does
    ("rotation_degrees", "turned by up to {:g}°"),
    ("scale", "scaled by {0[0]:g} to {0[1]:g}"),
    ("brightness", "brightness times {0[0]:g} to {0[1]:g}"),
    ("contrast", "contrast times {0[0]:g} to {0[1]:g}"),
    ("gamma", "gamma {0[0]:g} to {0[1]:g}"),
    ("depth_dimming", "the deepest plane dimmed by up to the part {:g}"),
    ("noise", "noise of standard deviation up to {:g}"),
    ("blur_px", "blurred by up to {:g} px"),
)
_OF_NUCLEI = (("jitter_um", "nuclei up to {:g} µm off the middle"),)
_OF_NETWORK = {
    "position": (),
    "division": (
        *_OF_NUCLEI,
        ("paste", "of all nuclei the part {:g} pasted into the surroundings of others"),
    ),
    "link": (
        *_OF_NUCLEI,
        ("skip", "up to {:d} time points from one to the next"),
        ("drift_um", "added drift of up to {:g} µm"),
        ("turn_degrees", "the sample turned by up to {:g}° between time points"),
    ),
}


def _describe_augmentation(settings: NetworkSettings) -> str:
    """What was varied, as far as it was switched on."""
    chosen = settings.augmentation
    words = ["flipped"] if chosen.flip else []
    for name, text in (*_VARIATIONS, *_OF_NETWORK[settings.network]):
        if (value := getattr(chosen, name)) is not None:
            words.append(text.format(value))
    return f"They were varied at random: {join_words(words)}." if words else "They were not varied."


def _describe_choice(run: Run, validation: Sequence[dict[str, Any]]) -> str:
    best = find_best(run.history)
    if best is None:
        return "No epoch was finished."
    if not validation:
        return f"The network of epoch {best['epoch']} is kept, chosen by the training loss: no validation movies."
    ranked = best.get("validation_average_precision") is not None
    quality = "the highest average precision" if ranked else "the lowest loss"
    return f"The network of epoch {best['epoch']} is kept, which had {quality} on {describe_data(validation)}."


def _describe_calibration(run: Run) -> str:
    calibration = read_calibration(run)
    if calibration is None:
        return "Its probabilities were not calibrated."
    if calibration["kind"] not in _KINDS:
        return f"Its probabilities were not calibrated: {calibration['reason']}"
    said = f"slope {calibration['slope']:.3g}, intercept {calibration['intercept']:.3g}"
    on = ", ".join(calibration.get("movies", [])) or "validation movies"
    return f"Its probabilities were calibrated on {on} by {_KINDS[calibration['kind']]}: {said}."


def _describe_comparison(settings: NetworkSettings, results: Sequence[Result]) -> str:
    threshold = join_words(
        f"{each:.2f}" for each in sorted({result.threshold for result in results})
    )
    names = join_words(result.name for result in results)
    if settings.network == "position":
        return (
            f"Peaks of the network's answer with a probability of at least {threshold} were taken as nuclei, no two "
            f"closer than {settings.min_distance_um:g} µm. They were compared with {names}: found and true positions "
            f"were paired one-to-one, at most {results[0].score.max_distance_um:g} µm apart."
        )
    asked = {"division": "Nuclei", "link": "Candidate links"}[settings.network]
    called = {"division": "dividing", "link": "right"}[settings.network]
    return (
        f"{asked} with a probability of at least {threshold} were called {called}, and compared with the annotations "
        f"of {names}; found and true positions were paired one-to-one, at most 5 µm apart."
    )
