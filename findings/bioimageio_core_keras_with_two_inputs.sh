#!/usr/bin/env bash
# bioimageio.core: a Keras network with two inputs.
#
# Guessed before it was run: the form of bioimage.io allows several inputs, Keras does, and bioimageio.core passes them in
# the order of the description; its test passes.
#
# Seen: it calls model.predict(*inputs), so the second input becomes predict's batch_size, and the test fails with an error
# about that, after which the model counts as "valid-format". The same network as ONNX would be run. A network of two inputs must bring them as channels of one.
# Met when a network that compares two crops was exported.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check bioimageio.core==0.11.0 pydantic==2.13.5 \
    keras==3.15.1 jax==0.10.2 h5py numpy==2.4.6 scipy==1.17.1 2>/dev/null
cd "$folder"
KERAS_BACKEND=jax BIOIMAGEIO_KERAS_BACKEND=jax env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from pathlib import Path

import bioimageio.core
import bioimageio.spec as spec
import jax
import keras
import numpy as np
from bioimageio.spec.model.v0_5 import ModelDescr

print(f"bioimageio.core {bioimageio.core.__version__}, keras {keras.__version__}, jax {jax.__version__}")


def test(names):
    """What bioimageio.core says of a network that adds these inputs."""
    root = Path("-".join(names)).resolve()
    root.mkdir()
    inputs = [keras.Input((8, 1), name=name) for name in names]
    total = keras.layers.Add()(inputs) if len(inputs) > 1 else keras.layers.Rescaling(1.0)(inputs[0])
    keras.Model(inputs if len(inputs) > 1 else inputs[0], total).save(root / "model.keras")
    shown = np.random.default_rng(0).random((len(names), 2, 8, 1), np.float32)
    (root / "README.md").write_text("# Validation\nNone.\n")
    axes = [{"type": "batch"}, {"type": "space", "id": "x", "size": 8}]
    axes += [{"type": "channel", "channel_names": ["grey"]}]
    tensors = []
    for name, values in zip([*names, "sum"], [*shown, shown.sum(axis=0)]):
        np.save(root / f"{name}.npy", values)
        tensors.append({"id": name, "axes": axes, "test_tensor": {"source": f"{name}.npy"}})
    record = {
        "format_version": ModelDescr.implemented_format_version,
        "type": "model",
        "name": "a network",
        "description": "It adds what it is shown.",
        "documentation": {"source": "README.md"},
        "authors": [{"name": "Ada Lovelace"}],
        "license": "CC-BY-4.0",
        "cite": [{"text": "a paper", "doi": "10.1371/journal.pone.0240802"}],
        "inputs": tensors[:-1],
        "outputs": tensors[-1:],
        "weights": {
            "keras_v3": {
                "source": "model.keras",
                "keras_version": keras.__version__,
                "backend": ["jax", jax.__version__],
            }
        },
    }
    with spec.ValidationContext(root=root, log_warnings=False):
        summary = bioimageio.core.test_description(spec.build_description(record))
    wrong = [" ".join(e.msg.split())[:150] for detail in summary.details for e in detail.errors]
    print(f"{len(names)} input(s): {summary.status}", *wrong[:1], sep="; ")
    return summary.status


one, two = test(["first"]), test(["first", "second"])
sys.exit(0 if (one, two) == ("passed", "valid-format") else "This has changed.")
PYTHON
echo "As described."
