#!/usr/bin/env bash
# bioimageio.core runs the test of a Keras network. On which backend does Keras compute in the processes that start later?
#
# Guessed before it was run: on the one that it computed on all the time, TensorFlow, which is Keras' own choice and stands
# in the description of the network. Whoever opens a network reads, and changes no settings of others.
#
# Seen: as its module for Keras is loaded, bioimageio.core writes KERAS_BACKEND=torch into os.environ, unless the variable
# was set before. Keras has been imported one line above, so that this process goes on with TensorFlow and the test passes. But
# a process that starts afterwards (a worker of multiprocessing or Dask, a kernel, a command) inherits the variable: its
# `import keras` fails as there is no torch; where there is, it would compute on torch without a word. KERAS_BACKEND=tensorflow,
# set from outside, is kept.
# Met when tests that start processes failed only if the test of an exported network had run before them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check bioimageio.core==0.11.0 \
    pydantic==2.13.5 tensorflow-cpu==2.21.0 keras==3.15.1 numpy==2.4.6 2>/dev/null
cd "$folder"
cat >look.py <<'PYTHON'
import multiprocessing
import os
import sys
from importlib.metadata import version
from pathlib import Path


def ask_keras(_=None):
    """The backend of Keras in this process, or why it has none."""
    try:
        import keras
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return keras.backend.backend()


def ask_worker():
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.map(ask_keras, [0])[0]


def run_test():
    """What bioimageio.core says of a Keras network that doubles what it is shown."""
    import bioimageio.core
    import bioimageio.spec as spec
    import keras
    import numpy as np
    import tensorflow

    keras.config.disable_interactive_logging()
    root = Path("network").resolve()
    root.mkdir()
    inputs = keras.Input((8, 1), name="shown")
    keras.Model(inputs, keras.layers.Rescaling(2.0, name="twice")(inputs)).save(root / "model.keras")
    shown = np.random.default_rng(0).random((1, 8, 1), np.float32)
    (root / "README.md").write_text("# Validation\nNone.\n")
    axes = [{"type": "batch"}, {"type": "space", "id": "x", "size": 8}]
    axes += [{"type": "channel", "channel_names": ["grey"]}]
    for name, values in (("shown", shown), ("twice", 2 * shown)):
        np.save(root / f"{name}.npy", values)
    backend = ["tensorflow", tensorflow.__version__]
    weights = {"source": "model.keras", "keras_version": keras.__version__, "backend": backend}
    record = {
        "format_version": spec.model.v0_5.ModelDescr.implemented_format_version,
        "type": "model",
        "name": "a network",
        "description": "It doubles what it is shown.",
        "documentation": {"source": "README.md"},
        "authors": [{"name": "Ada Lovelace"}],
        "license": "CC-BY-4.0",
        "cite": [{"text": "a paper", "doi": "10.1371/journal.pone.0240802"}],
        "inputs": [{"id": "shown", "axes": axes, "test_tensor": {"source": "shown.npy"}}],
        "outputs": [{"id": "twice", "axes": axes, "test_tensor": {"source": "twice.npy"}}],
        "weights": {"keras_v3": weights},
    }
    with spec.ValidationContext(root=root, log_warnings=False):
        return bioimageio.core.test_description(spec.build_description(record)).status


if __name__ == "__main__":
    packages = ("bioimageio.core", "bioimageio.spec", "keras", "tensorflow-cpu")
    print(*(f"{name} {version(name)}" for name in packages), f"Python {sys.version.split()[0]}", sep=", ")
    chosen = os.environ.get("KERAS_BACKEND")
    seen = {"set from outside": chosen, "here": ask_keras(), "in a worker before": ask_worker()}
    seen |= {"the test of the network": run_test(), "set after it": os.environ.get("KERAS_BACKEND")}
    seen |= {"here, still": ask_keras(), "in a worker after": ask_worker()}
    print(*(f"    {what}: {said}" for what, said in seen.items()), sep="\n")
    usual = seen["here"] == seen["in a worker before"] == seen["here, still"] == "tensorflow"
    later = (seen["set after it"], seen["in a worker after"])
    expected = "tensorflow" if chosen else "ModuleNotFoundError: No module named 'torch'"
    as_seen = usual and seen["the test of the network"] == "passed" and later == (chosen or "torch", expected)
    sys.exit(0 if as_seen else "This has changed.")
PYTHON
for chosen in "" tensorflow; do
    rm -rf network
    env -u KERAS_BACKEND ${chosen:+KERAS_BACKEND=$chosen} TF_CPP_MIN_LOG_LEVEL=3 env/bin/python look.py 2>errors.txt || {
        tail -n 1 errors.txt
        exit 1
    }
done
echo "As described."
