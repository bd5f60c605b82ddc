#!/usr/bin/env bash
# Keras: the metrics of a network that says, with one sigmoid, whether a nucleus divides (or a voxel is one).
#
# 20,000 nuclei, one in a hundred divides, and the network is right about every one: 0.9 where it divides, 0.1 where not.
#
# Guessed before it was run: what is given to compile(metrics=…) puts a limit at 0.5, as Precision, Recall and
# BinaryAccuracy do, so that F1Score() and the IoU of divisions are 1; at worst an error about shapes.
#
# Seen: F1Score() and FBetaScore() take the largest of the columns for the answer, and of one column that is always the
# largest: everything counts as found, and F1 stays 2p / (1 + p), 0.02 here, from the first epoch to the last, whatever is
# learned. MeanIoU and IoU cut probabilities to whole numbers, 0.9 to 0, so that nothing is ever found: MeanIoU is 0.495,
# IoU of divisions 0. A training that keeps the epoch with the best of these keeps the first. All are 1 with
# F1Score(threshold=0.5), FBetaScore(threshold=0.5), BinaryIoU. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check keras==3.15.1 jax==0.10.2 numpy==2.4.6 \
    scipy==1.17.1 2>/dev/null
cd "$folder"
KERAS_BACKEND=jax env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from importlib.metadata import version

import keras
import numpy as np
from keras import metrics

print(*(f"{name} {version(name)}" for name in ("keras", "jax", "numpy")), f"Python {sys.version.split()[0]}", sep=", ")
rng = np.random.default_rng(0)
divides = (rng.random((20_000, 1)) < 0.01).astype("float32")
logits = np.where(divides, 2.2, -2.2).astype("float32")  # probabilities of 0.9 and 0.1
network = keras.Sequential([keras.Input((1,)), keras.layers.Activation("sigmoid")])
chosen = {
    "Precision": metrics.Precision(),
    "Recall": metrics.Recall(),
    "BinaryAccuracy": metrics.BinaryAccuracy(),
    "F1Score": metrics.F1Score(),
    "FBetaScore": metrics.FBetaScore(),
    "MeanIoU": metrics.MeanIoU(num_classes=2),
    "IoU of divisions": metrics.IoU(num_classes=2, target_class_ids=[1]),
    "F1Score(threshold=0.5)": metrics.F1Score(threshold=0.5, name="f1_at_half"),
    "FBetaScore(threshold=0.5)": metrics.FBetaScore(threshold=0.5, name="fbeta_at_half"),
    "BinaryIoU of divisions": metrics.BinaryIoU(target_class_ids=[1]),
}
network.compile(loss="binary_crossentropy", metrics=list(chosen.values()))
said = network.evaluate(logits, divides, verbose=0, return_dict=True)
seen = {name: float(np.squeeze(said[metric.name])) for name, metric in chosen.items()}
for name, value in seen.items():
    print(f"    {name}: {value:.4f}")
share = divides.mean()
everything = 2 * share / (1 + share)  # precision p, recall 1
nothing = {"MeanIoU": (1 - share) / 2, "IoU of divisions": 0.0}
expected = {"F1Score": everything, "FBetaScore": everything} | nothing
as_seen = all(abs(value - expected.get(name, 1.0)) < 1e-3 for name, value in seen.items())
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
