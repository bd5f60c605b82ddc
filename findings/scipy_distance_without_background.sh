#!/usr/bin/env bash
# SciPy: how far is each voxel from the nearest nucleus, at a time point that has none?
#
# Masks of centres become training targets by scipy.ndimage.distance_transform_edt(~mask), and exp(-d²/2s²) of it. Where
# the mask is empty, there is nothing to measure from.
#
# Guessed before it was run: infinite, as for the package edt, so that the target is 0 everywhere; or an error.
#
# Seen: SciPy measures from a voxel that is not there, one plane before the first, at index (-1, 0, 0), and says nothing. The
# distances are finite and, with `sampling`, in µm: an image without a nucleus teaches one, beyond its upper left corner,
# whose target reaches 0.5 there. The index -1 is the last plane to NumPy. Likewise a crop that lies wholly within a
# nucleus, whose depth then grows away from that corner. The two sisters answer otherwise: the chamfer transform says -1,
# of which the target is 0.84 everywhere, brute force 1.3e154.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 edt==3.1.2 \
    2>/dev/null
cd "$folder"
OMP_NUM_THREADS=1 env/bin/python - <<'PYTHON'
import sys
from importlib.metadata import version

import edt
import numpy as np
from scipy import ndimage

print(*(f"{name} {version(name)}" for name in ("numpy", "scipy", "edt")), f"Python {sys.version.split()[0]}", sep=", ")
SPACING = (2.0, 0.5, 0.5)  # µm, zyx
SIGMA = 1.7  # µm
mask = np.zeros((8, 32, 32), dtype=bool)


def describe(name, distances):
    target = np.exp(-(distances.astype(float) ** 2) / (2 * SIGMA**2))
    place = tuple(int(index) for index in np.unravel_index(target.argmax(), target.shape))
    print(f"{name}: distances {distances.min():.3g} to {distances.max():.3g}; target at most {target.max():.2f}, at {place}")
    return float(target.max()), place


print("An image of 8 × 32 × 32 voxels without a nucleus:")
distances, indices = ndimage.distance_transform_edt(~mask, sampling=SPACING, return_indices=True)
exact = describe("    distance_transform_edt", distances)
nearest = np.unique(indices.reshape(3, -1), axis=1).T.tolist()
print(f"        and the nearest nucleus of every voxel is at index {nearest}")
described = np.indices(mask.shape) - np.reshape((-1, 0, 0), (3, 1, 1, 1))
same = np.allclose(distances, np.sqrt(np.tensordot(np.square(SPACING), described**2, axes=1)))
print("        which is what the distances are measured from:", same)
chamfer = describe("    distance_transform_cdt", ndimage.distance_transform_cdt(~mask))
brute = ndimage.distance_transform_bf(~mask, sampling=SPACING)
print(f"    distance_transform_bf: distances of {brute.min():.2g}")
other = edt.edt(~mask, anisotropy=SPACING)
print(f"    the package edt: distances of {other.min()}")
as_seen = (
    abs(exact[0] - np.exp(-(2**2) / (2 * SIGMA**2))) < 1e-6
    and exact[1] == (0, 0, 0)
    and nearest == [[-1, 0, 0]]
    and same
    and chamfer == (np.exp(-1 / (2 * SIGMA**2)), (0, 0, 0))
    and 1e150 < brute.min() < np.inf
    and other.min() == np.inf
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
