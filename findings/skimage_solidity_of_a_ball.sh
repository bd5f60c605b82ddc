#!/usr/bin/env bash
# scikit-image's regionprops(spacing=...): how solid and how long is one round nucleus?
#
# Guessed before it was run: the solidity of a ball is at least 0.95, whatever the distance between planes, as a ball is
# convex and `spacing` is known; its largest Feret diameter is its diameter, to half a plane at most; nuclei that touch
# can be told from single ones by solidity below 0.9, as is often done.
#
# Seen: the convex hull is that of the voxels' faces, so that planes two micrometres apart make a staircase of a ball. One
# ball of 7 µm has solidity 0.94 with voxels of 0.5 µm, and 0.80 in a stack of 2 × 0.25 × 0.25 µm: less than two balls
# that touch have with small voxels (0.83). Its Feret diameter grows from 7.6 to 9.5 µm. A limit for solidity holds for
# one spacing only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check scikit-image==0.26.0 numpy==2.3.5 scipy==1.16.3 2>/dev/null
"$folder/env/bin/python" - <<'PYTHON'
import sys

import numpy as np
import scipy
import skimage
from skimage.measure import regionprops

print(f"Python {sys.version.split()[0]}, scikit-image {skimage.__version__}, NumPy {np.__version__}, SciPy {scipy.__version__}")


def measure(spacing, centres, diameter=7.0):
    """(solidity, largest Feret diameter in µm) of balls that are drawn at these centres, zyx, µm."""
    shape = np.ceil(np.array([30.0, 40.0, 30.0]) / spacing).astype(int)
    places = np.stack(np.indices(shape), axis=-1) * spacing
    inside = [np.linalg.norm(places - centre, axis=-1) <= diameter / 2 for centre in centres]
    [region] = regionprops(np.any(inside, axis=0).astype(int), spacing=spacing)
    return float(region.solidity), float(region.feret_diameter_max)


one, two = [(15.0, 18.0, 15.0)], [(15.0, 12.0, 15.0), (15.0, 18.3, 15.0)]
seen = {}
for spacing in ((0.5, 0.5, 0.5), (1.0, 0.5, 0.5), (2.0, 0.5, 0.5), (2.0, 0.25, 0.25)):
    seen[spacing] = measure(spacing, one), measure(spacing, two)
    (solidity, feret), (solidity_of_two, _) = seen[spacing]
    print(f"voxels of {spacing} µm: one ball of 7 µm has solidity {solidity:.3f} and a Feret diameter of {feret:.2f} µm;")
    print(f"    two that touch have solidity {solidity_of_two:.3f}")

(small, feret_small), (small_two, _) = seen[0.5, 0.5, 0.5]
(coarse, feret_coarse), _ = seen[2.0, 0.25, 0.25]
as_seen = (
    0.92 < small < 0.95
    and 0.79 < coarse < 0.82
    and coarse < small_two  # one ball in a coarse stack is less solid than two in a fine one
    and feret_small < 7.8
    and 9.4 < feret_coarse < 9.6
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
