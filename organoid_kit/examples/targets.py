"""What the position network should answer: a small dot at each nucleus centre."""

import numpy as np

_DOT_REACH = 3.0  # dots are drawn out to so many standard deviations
FOREGROUND = 0.1  # target value from which a voxel counts as part of a dot


def draw_dots(
    positions: np.ndarray,
    shape_zyx: tuple[int, int, int],
    spacing_um: tuple[float, float, float],
    sigma_um: float,
) -> np.ndarray:
    """An image with a Gaussian dot of height 1 at each position; where dots meet, the higher one
    counts.

    Args:
        positions: (n, 3) float, zyx, voxels, also between voxels or a little outside.
        shape_zyx: of the image.
        spacing_um: µm per voxel, zyx.
        sigma_um: standard deviation of a dot.

    Returns:
        (z, y, x) float32, 0..1.
    """
    image = np.zeros(shape_zyx, np.float32)
    sigma = sigma_um / np.array(spacing_um)
    lowest = np.maximum(np.ceil(positions - _DOT_REACH * sigma), 0).astype(int)
    highest = np.minimum(np.floor(positions + _DOT_REACH * sigma) + 1, shape_zyx).astype(int)
    for position, low, high in zip(positions, lowest, highest, strict=True):
        if (low < high).all():
            z, y, x = (
                np.exp(
                    -0.5 * ((np.arange(low[axis], high[axis]) - position[axis]) / sigma[axis]) ** 2
                )
                for axis in range(3)
            )
            place = image[low[0] : high[0], low[1] : high[1], low[2] : high[2]]
            dot = (z[:, None, None] * y[:, None] * x).astype(np.float32)
            np.maximum(place, dot, out=place)
    return image


def compute_voxel_weights(targets: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weights that give dots and background half of the loss each, however rare dots are.

    Args:
        targets: any shape, 0..1.
        counts: the same shape, True where a voxel counts, False outside what is annotated.

    Returns:
        float32, the same shape, sum over all voxels = number of voxels (0 where nothing counts).
    """
    dots = counts & (targets >= FOREGROUND)
    background = counts & ~dots
    parts = [part for part in (dots, background) if part.any()]
    weights = np.zeros(targets.shape, np.float32)
    for part in parts:
        weights[part] = targets.size / (len(parts) * np.count_nonzero(part))
    return weights
