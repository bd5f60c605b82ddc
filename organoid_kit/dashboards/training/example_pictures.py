"""What a network answers to its example after an epoch, as SVG text with small pictures inside."""

import numpy as np

from organoid_kit.dashboards.parts.common import INK
from organoid_kit.dashboards.parts.panes import colour_heat, draw_bar, draw_image, wrap_svg
from organoid_kit.plots.drawing import COLOURS
from organoid_kit.training.epoch_pictures import EpochPicture

_PANEL, _CROP = 200, 84  # longest side of a picture of a patch, and side of a crop
_ANSWERS = {"division": ("does not divide", "divides"), "link": ("another one", "same nucleus")}


def draw_example(picture: EpochPicture) -> str:
    """What the network of an epoch answers to its example, as SVG.

    A patch is shown as image, target and prediction, crops with their right answer and the
    network's probability.
    """
    return _draw_patch(picture) if picture.network == "position" else _draw_crops(picture)


def describe_example(picture: EpochPicture) -> str:
    """What `draw_example` shows, in words."""
    answers, targets = picture.answers, picture.targets
    if picture.network == "position":
        return (
            f"A slice of a patch with {len(picture.positions)} annotated nuclei: image, target, "
            f"and the prediction after epoch {picture.epoch}, at most {answers.max():.2f}."
        )
    right = int(((answers > 0.5) == (targets > 0.5)).sum())
    pairs = zip(targets, answers, strict=True)
    said = "; ".join(f"{_name_answer(picture, target)}: {answer:.2f}" for target, answer in pairs)
    counted = f"{right} of {len(targets)} crops are right at 0.5"
    return f"After epoch {picture.epoch}, {counted}. {said}."


def _name_answer(picture: EpochPicture, target: float) -> str:
    return _ANSWERS[picture.network][int(target > 0.5)]


def _draw_patch(picture: EpochPicture) -> str:
    """Image, target and prediction side by side; circles where the nuclei are."""
    size_um = np.array(picture.images.shape[2:]) * picture.spacing_um
    height, width = _PANEL * size_um / size_um.max()
    centres = (picture.positions + 0.5) / picture.images.shape[2:] * (height, width)
    ring = f'r="7" fill="none" stroke="{COLOURS["sky blue"]}" stroke-width="1.5"'
    rings = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" {ring}/>' for y, x in centres)
    panels = {
        "image": picture.images[0, 0],
        "target: the right answer": colour_heat(picture.targets[0]),
        f"prediction after epoch {picture.epoch}": colour_heat(picture.answers[0]),
    }
    parts = []
    for number, (name, pixels) in enumerate(panels.items()):
        bar = "" if number else draw_bar(size_um[1], width, height)
        content = f"{_write(name, -6)}{draw_image(pixels, width, height)}{rings}{bar}"
        parts.append(_move(content, round(number * (width + 12)), 20))
    highest = (
        f"Dark is probability 0, bright is 1; the highest here is {picture.answers.max():.2f}."
    )
    parts.append(_write(f"Circles: annotated nuclei. {highest}", round(height + 38)))
    return wrap_svg("".join(parts), 3 * width + 24, height + 46, describe_example(picture))


def _draw_crops(picture: EpochPicture) -> str:
    """Each crop above its right answer and the network's."""
    views = picture.images.shape[1]
    rows = [view * (_CROP + 4) for view in range(views + 1)]
    columns = []
    examples = zip(picture.images, picture.targets, picture.answers, strict=True)
    for number, (images, target, answer) in enumerate(examples):
        content = [draw_image(image, _CROP, _CROP) for image in images]
        name = _name_answer(picture, target)
        content.append(_draw_answer(name, bool(target > 0.5), float(answer)))
        moved = "".join(_move(part, 0, top) for part, top in zip(content, rows, strict=True))
        columns.append(_move(moved, number * (_CROP + 22), 22))
    words = f"after epoch {picture.epoch}; the bar is the probability that the network gives"
    if views == 2:
        words += "; above the earlier nucleus, below the later one"
    content = _write(f"What the network answers {words}", 12) + "".join(columns)
    width, height = max(620, len(columns) * (_CROP + 22)), rows[-1] + 84
    return wrap_svg(content, width, height, describe_example(picture))


def _draw_answer(name: str, target: bool, answer: float) -> str:
    """The right answer in words, the probability as a bar, and whether they agree."""
    right = (answer > 0.5) == target
    colour, word = (COLOURS["blue"], "✓ right") if right else (COLOURS["vermillion"], "✗ wrong")
    return (
        f'{_write(name, 12, 11)}<rect y="19" width="{_CROP}" height="9" fill="none" '
        f'stroke="#767676"/><rect y="19" width="{_CROP * answer:.1f}" height="9" fill="{colour}"/>'
        f'<path d="M{_CROP / 2} 17v13" stroke="{INK}"/>{_write(f"{answer:.2f} {word}", 43, 11)}'
    )


def _write(text: str, y: float, size: int = 12) -> str:
    return f'<text y="{y}" font-size="{size}" fill="{INK}">{text}</text>'


def _move(content: str, x: float, y: float) -> str:
    return f'<g transform="translate({x} {y})">{content}</g>'
