#!/usr/bin/env bash
# keras.ops.image.map_coordinates, by which stacks are deformed for training: what is beyond the border?
#
# Keras documents five ways to fill, with the patterns that scipy.ndimage uses: reflect is d c b a | a b c d | d c b a,
# mirror is d c b | a b c d | c b a.
#
# Guessed before it was run: every backend does what is documented, and scipy.ndimage's modes of the same name agree with it.
#
# Seen: on JAX (and on NumPy) reflect, mirror and nearest are as documented. On TensorFlow reflect repeats the border on the
# far side only: on the near side it mirrors (b c d instead of a b c), so that one network is trained with other stacks
# there. mirror is right on the near side; on the far side it is off by one voxel and, next to the border, an
# error. wrap is scipy's grid-wrap, not its wrap, as documented; constant blends towards the fill as scipy's grid-constant.
# Met when the backends of Keras were compared.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check keras==3.15.1 tensorflow-cpu==2.21.0 \
    jax==0.10.2 numpy==2.4.6 scipy==1.17.1 2>/dev/null
cd "$folder"
cat >sample.py <<'PYTHON'
import json

import keras
import numpy as np

line = np.array([10, 20, 30, 40], np.float32)
near, far = np.arange(-3, 0), np.arange(4, 7)


def sample(mode, places):
    try:
        found = keras.ops.image.map_coordinates(line, places[None].astype(np.float32), 1, fill_mode=mode)
    except Exception as error:
        return type(error).__name__
    return np.asarray(found).tolist()


modes = ("nearest", "reflect", "mirror", "wrap", "constant")
seen = {mode: [sample(mode, near), sample(mode, far), sample(mode, far[1:])] for mode in modes}
seen["halfway"] = sample("constant", np.array([-0.5, 3.5]))
print(json.dumps([keras.__version__, seen]))
PYTHON
for backend in numpy jax tensorflow; do
    KERAS_BACKEND=$backend TF_CPP_MIN_LOG_LEVEL=3 env/bin/python sample.py >"$backend.json" 2>/dev/null
done
env/bin/python - <<'PYTHON'
import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy.ndimage import map_coordinates

read = {name: json.loads(Path(f"{name}.json").read_text()) for name in ("numpy", "jax", "tensorflow")}
seen = {name: found for name, (_, found) in read.items()}
others = ", ".join(f"{name} {version(name)}" for name in ("tensorflow-cpu", "jax", "numpy", "scipy"))
print(f"keras {read['jax'][0]}, {others}")
line = np.array([10, 20, 30, 40], np.float32)
print("A line 10 20 30 40, three places before it, and three behind it (and without the first of these):")
for mode in ("nearest", "reflect", "mirror", "wrap", "constant"):
    by_scipy = [map_coordinates(line, [places], order=1, mode=mode).tolist() for places in ([-3, -2, -1], [4, 5, 6], [5, 6])]
    print(f"{mode}: scipy {by_scipy}", *[f"{name} {found[mode]}" for name, found in seen.items()], sep="\n    ")
halfway = {mode: map_coordinates(line, [[-0.5, 3.5]], order=1, mode=mode).tolist() for mode in ("constant", "grid-constant")}
print("half a voxel outside, constant:", {name: found["halfway"] for name, found in seen.items()}, "scipy:", halfway)

documented = {
    "nearest": [[10, 10, 10], [40, 40, 40], [40, 40]],
    "reflect": [[30, 20, 10], [40, 30, 20], [30, 20]],
    "mirror": [[40, 30, 20], [30, 20, 10], [20, 10]],
    "wrap": [[20, 30, 40], [10, 20, 30], [20, 30]],
}
tensorflow = seen["tensorflow"]
as_seen = (
    all(seen[name][mode] == documented[mode] for name in ("numpy", "jax") for mode in documented)
    and all(tensorflow[mode] == documented[mode] for mode in ("nearest", "wrap"))
    and tensorflow["reflect"] == [[40, 30, 20], *documented["reflect"][1:]]
    and tensorflow["mirror"] == [documented["mirror"][0], "InvalidArgumentError", [40, 30]]
    and all(found["halfway"] == halfway["grid-constant"] for found in seen.values())
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
