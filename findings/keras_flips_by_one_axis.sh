#!/usr/bin/env bash
# keras.ops.flip takes "axis or axes": a network that turns channels round, as link networks do, saved by Keras 3.15 and
# opened by the Keras that Colab has.
#
# Guessed before it was run: a list of one axis is as good as its number, in both versions and on every backend; what builds, saves and
# opens also computes.
#
# Seen: with 3.15.1 yes. With 3.13.2 on TensorFlow the same network builds, is saved, opens, shows its shape in a summary and
# counts its weights; only when it is asked does TensorFlow raise InvalidArgumentError ('dims' must be 1-dimension, not 2): the
# list went into a list. JAX answers in both versions. So a network that was trained and tested by a newer Keras, or on JAX, opens
# in a notebook without a word and fails at the first image.
# Met when networks laid out as OrganoidTracker's were tried with Colab's versions.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >flip.py <<'PYTHON'
import sys

import keras
import numpy as np

file = sys.argv[1]
if len(sys.argv) > 2:
    images = keras.Input((4, 4, 3))
    turned = keras.ops.flip(images, axis=[-1])
    keras.Model(images, keras.layers.Conv2D(1, 1, kernel_initializer="ones")(turned)).save(file)
network = keras.models.load_model(file)
try:
    answer = np.asarray(network(np.arange(48, dtype=np.float32).reshape(1, 4, 4, 3)))
    said = f"answers {answer.ravel()[0]:.0f}"
except Exception as error:
    said = f"raises {type(error).__name__}"
print(f"{network.output_shape} {network.count_params()} weights, {said}")
PYTHON
make() {
    python3 -m venv "$1"
    "$1/bin/python" -m pip install -q --no-compile --disable-pip-version-check "${@:2}" 2>/dev/null
}
make new keras==3.15.1 tensorflow-cpu==2.21.0 jax==0.10.2 numpy==2.4.6
make old keras==3.13.2 tensorflow-cpu==2.20.0 jax==0.7.2 numpy==2.1.3
export TF_CPP_MIN_LOG_LEVEL=3
changed=0
look() {
    local said
    said=$(KERAS_BACKEND=$2 "$1/bin/python" flip.py "${@:4}" 2>/dev/null)
    echo "$1 on $2: $said"
    [ "$said" = "(None, 4, 4, 1) 4 weights, $3" ] || changed=1
}
for environment in new old; do
    "$environment/bin/python" -m pip list --disable-pip-version-check 2>/dev/null | grep -E '^(keras|tensorflow_cpu|tensorflow-cpu|jax|numpy) ' | tr -s ' ' | tr '\n' ';'
    echo
done
look new tensorflow "answers 3" new.keras build
look new jax "answers 3" new.keras
look old jax "answers 3" new.keras
look old tensorflow "raises InvalidArgumentError" new.keras
look old tensorflow "raises InvalidArgumentError" old.keras build
[ "$changed" = 0 ] && echo "As described." || echo "This has changed."
exit "$changed"
