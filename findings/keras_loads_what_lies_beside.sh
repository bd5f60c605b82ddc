#!/usr/bin/env bash
# `import keras` loads scikit-learn, pandas and Matplotlib where they are installed, before anything of them is asked for.
#
# Guessed beforehand: what a training may need of these (scikit-learn's estimators, data frames as input, pictures of
# feature maps) is loaded when it is first used, as Keras does with TensorFlow Datasets, SciPy or h5py by its lazy modules; so
# that the same two packages, Keras and TensorFlow, take the same time to import wherever they are.
#
# What is so: the three and all they bring stand in sys.modules after the import, some 1,000 modules and tens of MB more. In
# an environment of a laboratory a command that only wants a forward pass pays for them at each start. An entry of None in
# sys.modules before the import keeps them out, and a network predicts the same without.
#
# Needs Python 3.11 to 3.13 and a package index.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip --disable-pip-version-check install -q tensorflow-cpu==2.21.0 keras==3.15.1 \
    numpy==2.4.6 scikit-learn==1.9.0 pandas==2.3.3 matplotlib==3.10.7

cat >"$folder/load.py" <<'PY'
import json
import os
import resource
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
beside = ("sklearn", "pandas", "matplotlib")
if sys.argv[1] == "kept out":
    sys.modules.update(dict.fromkeys(beside))
import keras
import numpy as np

network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="ones")])
answer = np.asarray(network(np.ones((1, 3), "float32"))).tolist()
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "loaded": [name for name in beside if sys.modules.get(name)],
    "modules": len(sys.modules),
    "seconds": used.ru_utime + used.ru_stime,
    "memory": used.ru_maxrss / 1024,
    "answer": answer,
}))
PY

cat >"$folder/compare.py" <<'PY'
import json
import platform
import subprocess
import sys
from importlib.metadata import version

packages = ("tensorflow-cpu", "keras", "scikit-learn", "pandas", "matplotlib")
print(*(f"{name} {version(name)}" for name in packages), f"Python {platform.python_version()}", sep=", ")
rows = {}
for way in ("as it comes", "kept out"):
    command = [sys.executable, sys.argv[1], way]
    subprocess.run(command, capture_output=True, check=True)  # the first start compiles
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows[way] = row = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{way}: {', '.join(row['loaded']) or 'none of them'} loaded, {row['modules']} modules, "
        f"{row['seconds']:.1f} s of processor, {row['memory']:.0f} MB, answer {row['answer']}"
    )
first, second = rows.values()
assert first["loaded"] == ["sklearn", "pandas", "matplotlib"], "Keras no longer loads all three"
assert second["loaded"] == [] and first["modules"] > second["modules"] + 500
assert first["answer"] == second["answer"] == [[3.0, 3.0]]
print("As before: they are loaded only because they are installed.")
PY
"$folder/env/bin/python" "$folder/compare.py" "$folder/load.py"
