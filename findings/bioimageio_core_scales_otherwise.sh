#!/usr/bin/env bash
# bioimageio.core: what scale_range makes of an image, with an eps of one's own, and with a halo.
#
# Guessed before it was run: (x − low) / (high − low + eps) with the eps that rdf.yaml states, as the form of bioimage.io
# says; and the percentiles are those of the image, whether the description has a halo or not: a halo only says which
# part of an answer is cut off.
#
# Seen: eps is read and forgotten, 0.000001 is taken. And a whole image is mirrored by the halo before its percentiles are
# taken, so that they are those of another image: where bright things lie near the border, the same image is scaled
# otherwise than by a description without halo, and otherwise than in the test that comes with the model, which skips it.
# Met when it was to be decided how an exported network is normalised.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --disable-pip-version-check bioimageio.core==0.11.0 pydantic==2.13.5 \
    onnx==1.23.2 onnxruntime==1.32.0 numpy==2.4.6 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from pathlib import Path

import bioimageio.core
import bioimageio.spec as spec
import numpy as np
import onnx
from bioimageio.spec.model.v0_5 import ModelDescr

print(f"bioimageio.core {bioimageio.core.__version__}, bioimageio.spec {spec.__version__}")
image = np.zeros((1, 1, 64, 64), np.float32)
image[0, 0, :16] = np.linspace(1, 2, 16)[:, None]  # bright at the upper border
image[0, 0, 40, 40] = 4.0


def scale(eps, halo):
    """The image as a network sees it that gives back what it is shown."""
    root = Path(f"eps{eps}-halo{halo}").resolve()
    root.mkdir()
    shape = ["b", 1, "y", "x"]
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape) for name in ("shown", "answer")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["shown"], ["answer"])], "same", *[[v] for v in values])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 15)], ir_version=8)
    onnx.save(model, root / "weights.onnx")
    np.save(root / "shown.npy", image)
    np.save(root / "answer.npy", image)
    (root / "README.md").write_text("# Validation\nNone.\n")
    axes = [{"type": "batch"}, {"type": "channel", "channel_names": ["grey"]}]
    space = [{"type": "space", "id": axis, "size": {"min": 64, "step": 1}} for axis in "yx"]
    same = [{"type": "space", "id": axis, "size": {"tensor_id": "shown", "axis_id": axis}} for axis in "yx"]
    scaling = {"axes": ["y", "x"], "min_percentile": 0, "max_percentile": 90, "eps": eps}
    shown = {"id": "shown", "axes": axes + space, "test_tensor": {"source": "shown.npy"}}
    answer = {"id": "answer", "axes": axes + same, "test_tensor": {"source": "answer.npy"}}
    record = {
        "format_version": ModelDescr.implemented_format_version,
        "type": "model",
        "name": "a network",
        "description": "It gives back what it is shown.",
        "documentation": {"source": "README.md"},
        "authors": [{"name": "Ada Lovelace"}],
        "license": "CC-BY-4.0",
        "cite": [{"text": "a paper", "doi": "10.1371/journal.pone.0240802"}],
        "inputs": [shown | {"preprocessing": [{"id": "scale_range", "kwargs": scaling}]}],
        "outputs": [answer | {"axes": axes + [axis | ({"halo": halo} if halo else {}) for axis in same]}],
        "weights": {"onnx": {"source": "weights.onnx", "opset_version": 15}},
    }
    with spec.ValidationContext(root=root, log_warnings=False):
        description = spec.build_description(record)
        said = bioimageio.core.predict(model=description, inputs=image)
    answer = said.members["answer"].data.values
    assert answer.shape == image.shape
    return float(answer[0, 0, 40, 40])


high = float(np.quantile(image, 0.9))
plain, own_eps, with_halo = scale(1e-6, 0), scale(0.1, 0), scale(1e-6, 16)
print(f"A voxel of 4 in an image whose percentiles are 0 and {high:.4f} should become {4 / high:.4f}: {plain:.4f}")
print(f"with eps 0.1, {4 / (high + 0.1):.4f}: {own_eps:.4f}")
print(f"with a halo of 16, {4 / high:.4f}: {with_halo:.4f}")
as_seen = abs(own_eps - plain) < 1e-4 and abs(plain - 4 / high) < 1e-3 and abs(with_halo / plain - 1) > 0.05
sys.exit(0 if as_seen else "This has changed.")
PYTHON
echo "As described."
