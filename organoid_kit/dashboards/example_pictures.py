"""What a network answers to its example after an epoch, as SVG text with small pictures inside."""

from __future__ import annotations

import numpy as np

from organoid_kit.dashboards.common import INK
from organoid_kit.dashboards.panes import colour_heat, draw_bar, draw_image, wrap_svg
from organoid_kit.plots.drawing import COLOURS
from organoid_kit.training.epoch_pictures import EpochPicture

_FAINT = "#767676"
_PANEL = 200  # longest side of a picture of a patch
_CROP = 84  # side of a crop
_ANSWERS = {"division": ("does not divide", "divides"), "link": ("another one", "same nucleus")}


def draw_example(picture: EpochPicture) -> str:
    """What the network of an epoch answers to its example, as SVG.

    A patch is shown as image, target and prediction, crops with their right answer and the
    network's probability.
    """
    return _draw_patch(picture) if picture.network == "position" else _draw_crops(picture)


def describe_example(picture: EpochPicture) -> str:
    """What `draw_example` shows, in words."""
    if picture.network == "position":
        return (
            f"A slice of a patch with {len(picture.positions)} annotated nuclei: image, "
            f"target, and the prediction after epoch {picture.epoch}, at most {picture.answers.max():.2f}."
        )
    right = int(((picture.answers > 0.5) == (picture.targets > 0.5)).sum())
    said = "; ".join(
        f"{_name_answer(picture.network, target)}: {answer:.2f}"
        for target, answer in zip(picture.targets, picture.answers)
    )
    return f"After epoch {picture.epoch}, {right} of {len(picture.targets)} crops are right at 0.5. {said}."


def _name_answer(network: str, target: float) -> str:
    return _ANSWERS[network][int(target > 0.5)]


def _draw_patch(picture: EpochPicture) -> str:
    """Image, target and prediction side by side; circles where the nuclei are."""
    size_um = np.array(picture.images.shape[2:]) * picture.spacing_um
    height, width = _PANEL * size_um / size_um.max()
    panels = (
        ("image", picture.images[0, 0]),
        ("target: the right answer", colour_heat(picture.targets[0])),
        (f"prediction after epoch {picture.epoch}", colour_heat(picture.answers[0])),
    )
    places = (picture.positions + 0.5) / picture.images.shape[2:] * (height, width)
    ring = f'r="7" fill="none" stroke="{COLOURS["sky blue"]}" stroke-width="1.5"'
    rings = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" {ring}/>' for y, x in places)
    parts = [
        f'<g transform="translate({number * (width + 12):.0f} 20)"><text y="-6" fill="{INK}">{name}</text>'
        f"{draw_image(pixels, width, height)}{rings}{draw_bar(size_um[1], width, height) if number == 0 else ''}</g>"
        for number, (name, pixels) in enumerate(panels)
    ]
    key = (
        f'<text y="{height + 38:.0f}" fill="{INK}">Circles: annotated nuclei. Dark is probability 0, bright is 1; '
        f"the highest here is {picture.answers.max():.2f}.</text>"
    )
    return wrap_svg("".join(parts) + key, 3 * width + 24, height + 46, describe_example(picture))


def _draw_crops(picture: EpochPicture) -> str:
    """Each crop above its right answer and the network's."""
    views = picture.images.shape[1]
    columns = []
    for number, (images, target, answer) in enumerate(
        zip(picture.images, picture.targets, picture.answers)
    ):
        shown = "".join(
            f'<g transform="translate(0 {view * (_CROP + 4)})">{draw_image(image, _CROP, _CROP)}</g>'
            for view, image in enumerate(images)
        )
        below = _draw_answer(_name_answer(picture.network, target), float(target), float(answer))
        below = f'<g transform="translate(0 {views * (_CROP + 4)})">{below}</g>'
        columns.append(f'<g transform="translate({number * (_CROP + 22)} 0)">{shown}{below}</g>')
    words = f"after epoch {picture.epoch}; the bar is the probability that the network gives"
    if views == 2:
        words += "; above the earlier nucleus, below the later one"
    title = f'<text y="12" fill="{INK}">What the network answers {words}</text>'
    width, height = max(620, len(columns) * (_CROP + 22)), views * (_CROP + 4) + 84
    return wrap_svg(
        f'{title}<g transform="translate(0 22)">{"".join(columns)}</g>',
        width,
        height,
        describe_example(picture),
    )


def _draw_answer(name: str, target: float, answer: float) -> str:
    """The right answer in words, the probability as a bar, and whether they agree."""
    right = (answer > 0.5) == (target > 0.5)
    colour, word = (COLOURS["blue"], "✓ right") if right else (COLOURS["vermillion"], "✗ wrong")
    return (
        f'<text y="12" font-size="11" fill="{INK}">{name}</text>'
        f'<rect y="19" width="{_CROP}" height="9" fill="none" stroke="{_FAINT}"/>'
        f'<rect y="19" width="{_CROP * answer:.1f}" height="9" fill="{colour}"/>'
        f'<path d="M{_CROP / 2} 17v13" stroke="{INK}"/>'
        f'<text y="43" font-size="11" fill="{INK}">{answer:.2f} {word}</text>'
    )
