#!/usr/bin/env bash
# In Keras with TensorFlow, an optimiser that is not built before the first step is built inside it, while the step is compiled.
# What TensorFlow makes of that belongs to no model: it stays for as long as the process lives.
#
# Guessed beforehand: when a model is deleted, its compiled step and all that was made for it is freed; at the latest by
# keras.backend.clear_session(). Whether the optimiser is built before (optimizer.build) or in the first step, as the
# guides do it, makes no difference.
#
# What is so: of a model of 21 layers that was trained for one step, 168 functions stay in TensorFlow's context (four for each
# of its 42 variables), after the model was deleted, garbage collected and the
# session cleared. With one more line, optimizer.build(model.trainable_variables), none stay, and the process grows by
# clearly less for each model. Whoever makes many models in one process (a search, a server, a notebook) wants that line.
#
# Needs Linux, Python 3.11 to 3.13 and a package index.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip --disable-pip-version-check install -q \
    tensorflow-cpu==2.21.0 keras==3.15.1 numpy==2.4.6

cat >"$folder/grow.py" <<'PY'
import gc
import json
import os
import resource
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np
from tensorflow.python.eager import context

MODELS = 12
images = np.zeros((2, 32, 32, 1), "float32")


def train_one(built_before: bool) -> None:
    layers = [keras.layers.Conv2D(8, 3, padding="same") for _ in range(20)]
    model = keras.Sequential([keras.Input((32, 32, 1)), *layers, keras.layers.Conv2D(1, 1)])
    model.compile("adam", "mse")
    if built_before:
        model.optimizer.build(model.trainable_variables)
    model.train_on_batch(images, images)


def count() -> int:
    gc.collect()
    keras.backend.clear_session()
    return len(context.context().list_function_names())


way = sys.argv[1] == "before"
train_one(way)
first, memory = count(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(MODELS):
    train_one(way)
left = (count() - first) / MODELS
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024 / MODELS
print(json.dumps({"functions": left, "megabytes": grown}))
PY

cat >"$folder/compare.py" <<'PY'
import json
import platform
import subprocess
import sys
from importlib.metadata import version

print(*(f"{name} {version(name)}" for name in ("tensorflow-cpu", "keras", "numpy")), "Python " + platform.python_version(), sep=", ")
left = {}
for way, words in (("step", "built in the first step"), ("before", "built before it")):
    ran = subprocess.run([sys.executable, f"{sys.argv[1]}/grow.py", way], capture_output=True, text=True, check=True)
    left[way] = json.loads(ran.stdout.splitlines()[-1])
    print(
        f"optimiser {words}: {left[way]['functions']:g} functions stay for each model that was deleted,"
        f" the peak of memory grows by {left[way]['megabytes']:.0f} MB"
    )
if left["step"]["functions"] != 168 or left["before"]["functions"] != 0:
    sys.exit("This has changed.")
print("As described: what a step makes for its optimiser stays, and clear_session does not free it.")
PY
"$folder/env/bin/python" "$folder/compare.py" "$folder"
