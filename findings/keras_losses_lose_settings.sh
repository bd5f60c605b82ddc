#!/usr/bin/env bash
# Two losses of Keras forget their own setting when a compiled model is saved and loaded again.
#
# Guess before it was run: a loss that was made with a setting has that setting after loading, as
# Keras documents get_config() for, and as the focal, Tversky and label-smoothed losses do.
# Seen: Huber(delta=0.1) comes back with delta 1, CosineSimilarity(axis=1) of a stack of maps comes
# back with axis -1. Nothing is said; evaluation and any further training use the other loss.
# Met when a training that a learner had given a loss of their own was taken up again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --disable-pip-version-check install -q keras==3.15.1 numpy==2.4.6 scipy==1.17.1 jax==0.10.2
cd "$folder"
KERAS_BACKEND=jax env/bin/python - <<'PY'
import sys

import keras
import numpy as np

print("keras", keras.__version__, "numpy", np.__version__, "backend", keras.backend.backend())
rng = np.random.default_rng(0)
images, truth = (rng.normal(size=(4, 5, 3)).astype("float32") for _ in range(2))


def evaluate_before_and_after(loss):
    """The loss of one model, before it is saved and after it is loaded."""
    inputs = keras.Input((5, 3))
    network = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    network.compile(loss=loss)
    network.save("network.keras")
    loaded = keras.models.load_model("network.keras")
    return [float(each.evaluate(images, truth, verbose=0)) for each in (network, loaded)]


kept, lost = [], []
for loss in (
    keras.losses.Huber(delta=0.1),
    keras.losses.CosineSimilarity(axis=1),
    keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.2),
    keras.losses.Tversky(alpha=0.1, beta=0.9),
):
    before, after = evaluate_before_and_after(loss)
    same = abs(before - after) < 1e-5
    (kept if same else lost).append(type(loss).__name__)
    print(f"{type(loss).__name__:20} before {before:.6f}, after loading {after:.6f}:", "same" if same else "another loss")
expected = ["Huber", "CosineSimilarity"]
print("These losses lose their setting:", ", ".join(lost))
sys.exit(0 if lost == expected else "Changed: they were " + ", ".join(expected))
PY
