#!/usr/bin/env bash
# bioimageio.core as pip installs it in November 2026: can it save a model?
#
# Guessed before it was run: the newest bioimageio.core with the newest pydantic, which pip picks together without a
# complaint, writes a valid model as a folder.
#
# Seen: bioimageio.core 0.11.0 insists on bioimageio.spec 0.5.12.0, which allows any pydantic below 3. With pydantic 2.14
# every valid model becomes invalid while it is written ("'index_key' is expected to be an integer or a string"): a
# serialiser is passed an argument that pydantic ignored before. With pydantic 2.13.5 the same model is written; so it is
# with bioimageio.spec 0.5.14.3 and pydantic 2.14.4, which bioimageio.core does not take.
# Met when networks were first exported in the form of bioimage.io.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/save.py" <<'PYTHON'
import sys
import tempfile
from pathlib import Path

import bioimageio.spec as spec
import numpy as np
import pydantic
from bioimageio.spec.model.v0_5 import ModelDescr

root = Path(tempfile.mkdtemp(dir=Path(__file__).parent))
image = np.random.default_rng(0).random((1, 1, 64, 64), np.float32)
np.save(root / "shown.npy", image)
np.save(root / "answer.npy", image)
(root / "README.md").write_text("# Validation\nNone.\n")
(root / "weights.onnx").write_bytes(b"not looked into here")
axes = [{"type": "batch"}, {"type": "channel", "channel_names": ["grey"]}]
axes += [{"type": "space", "id": axis, "size": 64} for axis in "yx"]
record = {
    "format_version": ModelDescr.implemented_format_version,
    "type": "model",
    "name": "a network",
    "description": "It gives back what it is shown.",
    "documentation": {"source": "README.md"},
    "authors": [{"name": "Ada Lovelace"}],
    "license": "CC-BY-4.0",
    "cite": [{"text": "a paper", "doi": "10.1371/journal.pone.0240802"}],
    "inputs": [{"id": "shown", "axes": axes, "test_tensor": {"source": "shown.npy"}}],
    "outputs": [{"id": "answer", "axes": axes, "test_tensor": {"source": "answer.npy"}}],
    "weights": {"onnx": {"source": "weights.onnx", "opset_version": 15}},
}
with spec.ValidationContext(root=root, log_warnings=False):
    model = spec.build_description(record)
    said = "valid" if isinstance(model, ModelDescr) else "invalid"
    try:
        spec.save_bioimageio_package_as_folder(model, output_path=root / "package")
        written = "it was written"
    except ValueError as error:
        written = "it was not written: " + " ".join(str(error).split())[-200:][:160]
print(f"bioimageio.spec {spec.__version__}, pydantic {pydantic.VERSION}: the model is {said}, {written}")
sys.exit(not written == "it was written")
PYTHON
python3 -m venv "$folder/env"
install() { "$folder/env/bin/python" -m pip install -q --disable-pip-version-check "$@" 2>/dev/null; }
try() { "$folder/env/bin/python" "$folder/save.py" 2>/dev/null; }
install bioimageio.core==0.11.0 pydantic==2.14.4 numpy==2.4.6
newest=0; try || newest=$?
install pydantic==2.13.5
older=0; try || older=$?
install bioimageio.spec==0.5.14.3 pydantic==2.14.4
later=0; try || later=$?
if [ "$newest" != 0 ] && [ "$older" = 0 ] && [ "$later" = 0 ]; then echo "As described."; else echo "This has changed."; exit 1; fi
