"""Writes the page on which the three shipped networks live: one file, which needs no connection.

    python docs/site/alive/make_page.py                       # build/site/html/networks.html
    python docs/site/alive/make_page.py --modules FOLDER      # FOLDER holds node_modules/onnxruntime-web

The networks are exported as `export --to bioimageio` does, and run by ONNX Runtime's WebAssembly, which npm fetches
(or has in its cache). What is not the networks' own stands in `page.html`, `style.css`, `scene.js` (images and peaks),
`page.js` (what is seen) and `worker.js` (which asks the networks).
"""

import argparse
import base64
import gzip
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).parent
RUNTIME = "onnxruntime-web@1.30.0"
SHIPPED = {name: f"{name}_small" for name in ("position", "division", "link")}
STEPS = 4000  # of the bundled stack's intensities, from background to white
LARGEST_PAGE = 20_000_000  # bytes


def install_runtime(folder: Path, *options: str) -> str | None:
    """ONNX Runtime for the web into node_modules of a folder; or why this cannot be."""
    if shutil.which("npm") is None:
        return "npm is not installed here"
    command = ["npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--fetch-retries=1"]
    command += [*options, "--prefix", str(folder), RUNTIME]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=600)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return f"npm cannot fetch {RUNTIME}"
    return None


def prepare_bundled() -> tuple[np.ndarray, np.ndarray]:
    """The middle stack of the bundled test movie with its neighbours in time, as the position
    network sees them, (time, z, y, x) int16 in `STEPS`; its annotated centres, (n, 3) µm, zyx.
    """
    from organoid_kit import read_dataset
    from organoid_kit.examples import PreparedMovies, patches
    from organoid_kit.networks import load_network

    [sample] = read_dataset(ROOT / "data_samples" / "test.autlist")
    settings = load_network(SHIPPED["position"])[1].changed(channels=(2, 3))
    middle = sample.movie.time_points[len(sample.movie.time_points) // 2]
    stacks = np.stack(PreparedMovies([sample.movie], settings).window(0, middle))
    centres = patches.compute_working_positions(sample, settings)
    known = centres[sample.annotations.rows_at(middle)] * settings.spacing_um
    return np.round(stacks * STEPS).clip(-32768, 32767).astype(np.int16), known


def export_networks(folder: Path) -> dict[str, dict[str, Any]]:
    """Writes NAME.onnx for each network, and returns what the page must know of it."""
    import keras
    import onnx

    from organoid_kit.networks import load_network, resampling
    from organoid_kit.prediction.positions import find_margins
    from organoid_kit.report import bioimageio

    facts = {}
    for name, shipped in SHIPPED.items():
        network, settings = load_network(shipped)
        known: dict[str, Any] = {"threshold": settings.threshold}
        known |= {"calibration": settings.calibration, "shape": settings.patch_shape_zyx}
        known |= {
            "minDistance": settings.min_distance_um,
            "quantiles": settings.intensity_quantiles,
        }
        steps = (1, 1, 1)
        if name == "position":
            steps = find_margins(network, settings)[1]
            # Peaks are looked for before calibration, as the kit does
            settings = settings.changed(calibration=(1.0, 0.0))
        model = resampling.build_for_exchange(network, settings)
        target = folder / name
        target.mkdir()
        bioimageio.write_weights(model, target, steps)
        graph = onnx.load(target / "model.onnx")
        known["output"] = graph.graph.output[0].name
        if name == "position":
            convolutions = [e for e in network.layers if isinstance(e, keras.layers.Conv3D)]
            answers = [node.output[0] for node in graph.graph.node if node.op_type == "Relu"]
            known["layers"] = [
                {"output": answer, "kernel": layer.kernel_size}
                for answer, layer in zip(answers, convolutions, strict=False)
            ]
            graph.graph.output.extend(onnx.ValueInfoProto(name=answer) for answer in answers)
        onnx.save(graph, folder / f"{name}.onnx")
        facts[name] = known
    return facts


def write_page(target: Path, modules: Path) -> None:
    """Writes the page as one file. ValueError where it would be too large."""
    from organoid_kit import __version__

    runtime = modules / "node_modules" / "onnxruntime-web" / "dist"
    with tempfile.TemporaryDirectory() as name:
        facts = export_networks(Path(name))
        networks = {f"{each}-network": (Path(name) / f"{each}.onnx").read_bytes() for each in facts}
    stacks, known = prepare_bundled()
    bundled = {"shape": stacks.shape[1:], "steps": STEPS, "positions": known.round(2).tolist()}
    packed = gzip.compress((runtime / "ort-wasm-simd-threaded.wasm").read_bytes(), mtime=0)
    binaries = networks | {"binary": packed, "bundled": stacks.tobytes()}
    texts = {key: base64.b64encode(value).decode() for key, value in binaries.items()}
    texts["facts"] = json.dumps({"networks": facts, "bundled": bundled})
    texts["runtime"] = (runtime / "ort.wasm.min.js").read_text(encoding="utf-8")
    texts["glue"] = (runtime / "ort-wasm-simd-threaded.mjs").read_text(encoding="utf-8")
    texts["worker"] = read("worker.js")
    if closing := [key for key, text in texts.items() if "</script" in text.lower()]:
        raise ValueError(f"What stands in a page must not end it. Received: {closing}.")
    data = [f'<script type="text/plain" id="{key}">{text}</script>' for key, text in texts.items()]
    layers = len(facts["position"]["layers"])
    values = {"style": read("style.css"), "scene": read("scene.js"), "page": read("page.js")}
    values |= {"data": "\n".join(data), "layers": layers, "last_layer": layers - 1}
    values |= {"version": __version__, "networks": ", ".join(SHIPPED.values())}
    values["runtime"] = RUNTIME.replace("@", " ")
    page = re.sub(r"{{(\w+)}}", lambda found: str(values[found[1]]), read("page.html"))
    if len(page) > LARGEST_PAGE:
        raise ValueError(f"A page has at most {LARGEST_PAGE:,} bytes. Received: {len(page):,}.")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page, encoding="utf-8")


def read(name: str) -> str:
    """A file beside this one."""
    return (HERE / name).read_text(encoding="utf-8")


def write_stub(target: Path, reason: str) -> None:
    """A page in the place of that of the networks, which says why they are not there."""
    target.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Three networks, alive</title>'
        f"<h1>Three networks, alive</h1><p>The networks are not on this copy of the site: {reason}. "
        '<code>make alive</code> builds this page. <a href="index.html">Back</a></p></html>\n',
        encoding="utf-8",
    )


def build(target: Path, modules: Path | None = None) -> str | None:
    """Writes the page, or a stub and why."""
    with tempfile.TemporaryDirectory() as name:
        reason = None if modules else install_runtime(Path(name))
        if reason:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_stub(target, reason)
        else:
            write_page(target, modules or Path(name))
    return reason


def main() -> int:
    """Writes the page and says where it lies."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--modules", type=Path, help="a folder with node_modules")
    parser.add_argument(
        "--output", type=Path, default=ROOT / "build" / "site" / "html" / "networks.html"
    )
    options = parser.parse_args()
    reason = build(options.output, options.modules)
    print(f"Not built: {reason}." if reason else f"Open {options.output} in a browser.")
    return int(reason is not None)


if __name__ == "__main__":
    sys.exit(main())
