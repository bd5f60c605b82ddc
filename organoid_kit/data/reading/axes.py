"""Which axis of an image is which: as the user says, or as is likeliest."""

from organoid_kit.base import UserError
from organoid_kit.data.reading.image import ImageFile


def check_axes(axes: str, image: ImageFile) -> str:
    """The user's axes, one letter per axis of the image; axes of length one may be left out."""
    letters = axes.lower()
    if len(set(letters)) < len(letters) or not {"y", "x"} <= set(letters) <= set("tczyx"):
        raise UserError(
            "Axes must be different letters of t, c, z, y, x, with y and x among them. "
            f"Received: axes={axes!r} for {image}. "
            'Pass one letter for each axis in its order, such as axes="tzyx".'
        )
    if image.axes_in_names and not set(image.axes_in_names) & set(letters):
        letters = image.axes_in_names + letters
    if len(letters) == sum(length > 1 for length in image.shape) < len(image.shape):
        remaining = iter(letters)
        letters = "".join(next(remaining) if length > 1 else "?" for length in image.shape)
    if len(letters) != len(image.shape) or not letters.startswith(image.axes_in_names):
        raise UserError(
            f"There must be one letter for each axis. Received: axes={axes!r} ({len(axes)} "
            f"letters) for {image}. Pass {len(image.shape)} letters out of t, c, z, y, x."
        )
    return letters


def guess_axes(axes: str, image: ImageFile) -> str:
    """The likeliest letters for ?: z first, then t, then c; the shorter of the last two is c."""
    unknown = [i for i, letter in enumerate(axes) if letter == "?" and image.shape[i] > 1]
    free = [letter for letter in "ztc" if letter not in axes]
    if len(unknown) > len(free):
        raise UserError(
            f"Every axis must be one of t, c, z, y, x. Received: {image}, whose axes nobody can "
            "guess. Save it as a hyperstack or OME-TIFF with at most these five axes."
        )
    chosen = sorted(free[: len(unknown)], key="tcz".index)
    if len(chosen) == 3 and image.shape[unknown[2]] < image.shape[unknown[1]]:
        chosen = ["t", "z", "c"]
    guess = list(axes)
    for i, letter in zip(unknown, chosen, strict=True):
        guess[i] = letter
    return "".join(guess)
