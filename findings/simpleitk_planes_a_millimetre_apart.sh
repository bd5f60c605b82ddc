#!/usr/bin/env bash
# SimpleITK: how large are the voxels of a TIFF stack, and how far does it blur a nucleus that is to be registered?
#
# One stack with voxels of 2 × 0.25 × 0.25 µm, saved as OME-TIFF, as ImageJ's TIFF, and as plain TIFF with pixels per
# centimetre, as many cameras do; and a movie of three such stacks, as OME-TIFF.
#
# Guessed before it was run: 1, 1, 1 for each, as for any image that says nothing, or what the file says, with planes as it
# says or as far apart as pixels; three stacks are an image of four dimensions, or an error.
#
# Seen: OME's and ImageJ's sizes are passed over (1, 1, 1), but pixels per centimetre are read, in millimetres, and what
# the file cannot say of planes is 1, which is a millimetre: 0.00025, 0.00025, 1. The aspect of a voxel is 4000 to 1
# instead of 8 to 1. Whatever counts in lengths goes by it: a Gaussian of 2 µm blurs rows and columns and leaves planes as they are.
# The movie is one stack of 48 planes, in which the top of the next time point lies below the bottom of the last. Nothing is said.
# Met when readers of TIFF were compared.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check SimpleITK==2.5.7 tifffile==2026.3.3 \
    numpy==2.4.6 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from importlib.metadata import version

import numpy as np
import SimpleITK as sitk
import tifffile

packages = ("SimpleITK", "tifffile", "numpy")
print(*(f"{name} {version(name)}" for name in packages), f"Python {sys.version.split()[0]}", sep=", ")
SPACING = np.array([2.0, 0.25, 0.25])  # µm, zyx
places = np.stack(np.indices((16, 96, 96)), axis=-1) * SPACING
distance = np.linalg.norm(places - SPACING * (8, 48, 48), axis=-1)
stack = (10_000 * np.exp(-(distance**2) / (2 * 2.5**2))).astype(np.float32)
sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", SPACING.tolist())}
tifffile.imwrite("ome.tif", stack, ome=True, metadata={"axes": "ZYX"} | sizes)
said = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
tifffile.imwrite("imagej.tif", stack, imagej=True, resolution=(4, 4), metadata=said)
tifffile.imwrite("plain.tif", stack, resolution=(40_000, 40_000), resolutionunit="CENTIMETER", photometric="minisblack")
tifffile.imwrite("movie.tif", np.stack([stack] * 3), ome=True, metadata={"axes": "TZYX"} | sizes)


def measure_width(image):
    """Standard deviation of a nucleus along z, y, x, µm."""
    values = sitk.GetArrayFromImage(image).astype(float)
    centre = np.average(places.reshape(-1, 3), axis=0, weights=values.ravel())
    return np.sqrt(np.average((places.reshape(-1, 3) - centre) ** 2, axis=0, weights=values.ravel()))


seen = {}
for name in ("ome", "imagej", "plain", "movie"):
    image = sitk.ReadImage(f"{name}.tif", sitk.sitkFloat32)
    seen[name] = image.GetSize()[::-1], image.GetSpacing()[::-1]
    print(f"    {name}.tif: {' × '.join(map(str, seen[name][0]))} voxels of {seen[name][1]} (zyx)")
image = sitk.ReadImage("plain.tif", sitk.sitkFloat32)
before = measure_width(image)
blurred = measure_width(sitk.SmoothingRecursiveGaussian(image, 0.002))  # 2 µm, in millimetres
image.SetSpacing((SPACING[::-1] / 1000).tolist())
told = measure_width(sitk.SmoothingRecursiveGaussian(image, 0.002))
print("    a nucleus is", np.round(before, 2), "µm wide along z, y, x; blurred by 2 µm", np.round(blurred, 2))
print("    with the spacing set by hand", np.round(told, 2))
as_seen = (
    seen["ome"] == seen["imagej"] == ((16, 96, 96), (1, 1, 1))
    and np.allclose(seen["plain"][1], (1, 0.00025, 0.00025))
    and seen["movie"] == ((48, 96, 96), (1, 1, 1))
    and abs(blurred[0] - before[0]) < 0.05
    and (blurred[1:] - before[1:] > 0.5).all()
    and told[0] - before[0] > 0.5
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
