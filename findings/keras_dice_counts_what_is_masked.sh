#!/usr/bin/env bash
# Keras: voxels that nobody has annotated are left out by a sample_weight of 0. Are they, of a Dice loss?
#
# Guessed before it was run: as with cross-entropy, a voxel of weight 0 counts for nothing, in the loss, in what is learned.
#
# Seen: Dice and Tversky first sum over all voxels, masked ones too, to one number; that number is then multiplied with
# each weight and the mean taken. Of a mask nothing is left but its share: half of the voxels masked is half the loss of all.
# A network learns what the masked voxels say as firmly as the rest, and so does an image of weight 0 in a batch. The same
# with axis=(1, 2, 3, 4) for voxels; only for whole images the weight then counts. Nothing is said. Cross-entropy and
# the focal loss heed the mask.
# Met when the losses that a learner may put in place of the kit's own were looked through.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check keras==3.15.1 jax==0.10.2 numpy==2.4.6 \
    scipy==1.17.1 2>/dev/null
cd "$folder"
KERAS_BACKEND=jax env/bin/python - <<'PYTHON' 2>errors.txt
import sys

import jax
import keras
import numpy as np

print(f"keras {keras.__version__}, jax {jax.__version__}, numpy {np.__version__}")
SHAPE = (2, 4, 4, 4, 1)  # two images
annotated = np.zeros(SHAPE, np.float32)
annotated[:, :, :, :2] = 1
first_image = np.zeros(SHAPE, np.float32)
first_image[0] = 1


def learn(loss, weights):
    """What a network that has one free number for every voxel answers after training; all voxels are said to be 1."""
    inputs = keras.Input((2,))
    answers = keras.layers.Dense(64, use_bias=False, kernel_initializer="zeros", activation="sigmoid")(inputs)
    network = keras.Model(inputs, keras.layers.Reshape(SHAPE[1:])(answers))
    network.compile(keras.optimizers.SGD(5.0), loss)
    for _ in range(300):
        network.train_on_batch(np.eye(2, dtype=np.float32), np.ones(SHAPE, np.float32), sample_weight=weights)
    return np.asarray(network(np.eye(2, dtype=np.float32)))


def is_heeded(loss, weights):
    """Whether the voxels of weight 0 have stayed as they were, 0.5, while others have been learned."""
    one_each = weights is first_image and isinstance(loss, (keras.losses.Dice, keras.losses.Tversky))
    answers = learn(loss, weights[:, 0, 0, 0, 0] if one_each else weights)
    there, masked = float(answers[weights == 1].mean()), float(answers[weights == 0].mean())
    print(f"    learned: {there:.3f}; masked: {masked:.3f}")
    assert there > 0.6
    return abs(masked - 0.5) < 1e-6


LOSSES = {
    "BinaryCrossentropy": keras.losses.BinaryCrossentropy(),
    "BinaryFocalCrossentropy": keras.losses.BinaryFocalCrossentropy(),
    "Dice": keras.losses.Dice(),
    "Tversky": keras.losses.Tversky(),
    "Dice, axis=(1, 2, 3, 4)": keras.losses.Dice(axis=(1, 2, 3, 4)),
}
seen = {}
for name, loss in LOSSES.items():
    for weights, of in ((annotated, "voxels"), (first_image, "images")):
        print(f"{name}, half of the {of} masked:")
        seen[name, of] = is_heeded(loss, weights)
truth, wrong_where_masked = np.ones(SHAPE, np.float32), annotated
masked = float(LOSSES["Dice"](truth, wrong_where_masked, sample_weight=annotated))
whole = float(LOSSES["Dice"](truth, wrong_where_masked))
print(f"Right where annotated, wrong where masked: Dice is {masked:.4f}, and without a mask {whole:.4f}")

heeded = {key for key, value in seen.items() if value}
expected = {(name, of) for name in list(LOSSES)[:2] for of in ("voxels", "images")} | {(list(LOSSES)[4], "images")}
as_seen = heeded == expected and abs(masked - whole / 2) < 1e-6 and whole > 0.3
print("As described." if as_seen else f"This has changed: {heeded}")
sys.exit(not as_seen)
PYTHON
