"""Runs the exported networks in a browser: ONNX Runtime's WebAssembly in headless Chromium, one thread.

    python benchmarks/in_the_browser.py                       # the shipped networks
    python benchmarks/in_the_browser.py RUN --modules FOLDER  # one's own; FOLDER holds node_modules

Each network is exported as `export --to bioimageio` does, its ONNX file is opened unchanged by onnxruntime-web, and
the answers are compared with those of its Keras file on two inputs. Needs npm, Chromium (or the variable CHROMIUM)
and Playwright. Exit status 1 says that an answer is off by more than 0.0001.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "site" / "alive"))

from make_page import RUNTIME, install_runtime

from browser.front_end import find_browser, start_browser
from organoid_kit.cli.runs import export
from organoid_kit.networks import list_shipped_networks

LARGEST_CHANGE = 1e-4
SIZES = (
    (1, 8, 64, 64),
    (2, 4, 96, 64),
)  # batch, planes, rows, columns, where a network leaves them open
PAGE = """<!doctype html><script src="node_modules/onnxruntime-web/dist/ort.wasm.min.js"></script><script>
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = "/node_modules/onnxruntime-web/dist/";
async function ask(model, file, shape) {
  const session = await ort.InferenceSession.create(model);
  const images = new Float32Array(await (await fetch(file)).arrayBuffer());
  const began = performance.now();
  const answers = await session.run({[session.inputNames[0]]: new ort.Tensor("float32", images, shape)});
  const seconds = (performance.now() - began) / 1000;
  const answer = answers[session.outputNames[0]];
  return {shape: answer.dims, values: Array.from(answer.data), seconds};
}
</script>"""


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format, *arguments) -> None:
        """Says nothing."""


@contextmanager
def open_page(folder: Path) -> Iterator[Any]:
    """A page that can `ask` the networks in the folder, which is served until the block ends."""
    (folder / "index.html").write_text(PAGE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with start_browser(find_browser() or "chromium") as browser:
        page = browser.new_page()
        page.set_default_timeout(600_000)  # the machine may be busy
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        yield page
    server.shutdown()


def compare(page, folder: Path, name: str) -> float:
    """The largest difference between the browser's answers and Keras'; prints a line for each input."""
    import keras

    model = keras.models.load_model(folder / name / "model.keras", compile=False)
    rng, largest = np.random.default_rng(1), 0.0
    for batch, *free in SIZES:
        sizes = [size or other for size, other in zip(model.input_shape[1:4], free, strict=True)]
        images = rng.random((batch, *sizes, model.input_shape[-1]), np.float32)
        images.tofile(folder / "images.bin")
        wanted = keras.ops.convert_to_numpy(model(images, training=False))
        call = "([model, shape]) => ask(model, '/images.bin?' + Math.random(), shape)"
        said = page.evaluate(call, [f"/{name}/model.onnx", list(images.shape)])
        answer = np.array(said["values"], np.float32)
        same = said["shape"] == list(wanted.shape)
        change = float(np.abs(answer - wanted.ravel()).max()) if same else np.inf
        print(
            f"{name}: input {images.shape}, largest difference {change:.1g}, {said['seconds']:.1f} s",
            flush=True,
        )
        largest = max(largest, change)
    return largest


def main() -> int:
    """Prints a line for each network and input."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("networks", nargs="*", default=list_shipped_networks())
    parser.add_argument(
        "--modules", type=Path, help="a folder in which onnxruntime-web is installed"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.modules:
            (folder / "node_modules").symlink_to((options.modules / "node_modules").resolve())
        elif reason := install_runtime(folder):
            raise SystemExit(f"Not run: {reason}.")
        for number, network in enumerate(options.networks):
            export(network, folder / f"{number}", "bioimageio", author="nobody", license="CC0-1.0")
            (folder / f"{number}").rename(folder / Path(network).name)
        with open_page(folder) as page:
            changes = [compare(page, folder, Path(network).name) for network in options.networks]
            version = page.context.browser.version
            print(f"{RUNTIME}, Chromium {version}, Keras' answers beside it")
    return int(max(changes) > LARGEST_CHANGE)


if __name__ == "__main__":
    raise SystemExit(main())
