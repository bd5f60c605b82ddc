"""What it costs that memory is given back between the steps of a training, and how to keep it.

    python benchmarks/kept_memory.py [--steps 12]

Each row is a process of its own that takes the same steps with the small position network; ratios
are to the first row. Only glibc is set otherwise, so Linux only. The command line calls
`keep_memory`; `make` sets the same by the environment, for JupyterLab.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys

_ARENA = {"MALLOC_ARENA_MAX": "1"}
_MMAP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}
WAYS = {
    "as it comes": {},
    "one arena": _ARENA,
    "no mapping, no trimming": _MMAP,
    "all three": _ARENA | _MMAP,
    "keep_memory()": {},
}


def take_steps(steps: int, keep: bool) -> dict[str, float]:
    """Processor seconds, page faults and peak memory of some steps, after two to warm up."""
    from organoid_kit.base.environment import keep_memory

    if keep:
        keep_memory()
    import resource

    import keras
    import numpy as np

    from organoid_kit import load_network

    network, settings = load_network("position_small")
    network.compile(keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy())
    shape = (settings.batch_size, *settings.patch_shape_zyx)
    images = np.random.default_rng(0).random((*shape, 3)).astype(np.float32)
    dots = np.zeros((*shape, 1), np.float32)
    for _ in range(2):
        network.train_on_batch(images, dots)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for _ in range(steps):
        network.train_on_batch(images, dots)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "user": (after.ru_utime - before.ru_utime) / steps,
        "system": (after.ru_stime - before.ru_stime) / steps,
        "faults": (after.ru_minflt - before.ru_minflt) / steps,
        "peak_mb": after.ru_maxrss / 1024,
    }


def main() -> None:
    """Prints a row a way."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    choices = parser.parse_args()
    if choices.way:
        print(json.dumps(take_steps(choices.steps, choices.way == "keep_memory()")))
        return
    if platform.libc_ver()[0] != "glibc":
        print("left out: this system's C library is not glibc")
        return
    print("memory                    processor  user s  system s  page faults  peak MB")
    usual = None
    for way, environment in WAYS.items():
        command = [sys.executable, __file__, "--steps", str(choices.steps), "--way", way]
        clean = {name: text for name, text in os.environ.items() if "MALLOC" not in name}
        answer = subprocess.run(
            command, env=clean | environment, capture_output=True, text=True, check=True
        )
        row = json.loads(answer.stdout.splitlines()[-1])
        seconds = row["user"] + row["system"]
        usual = usual or seconds
        print(
            f"{way:25} {seconds / usual:9.2f} {row['user']:7.2f} {row['system']:9.2f}"
            f" {row['faults']:12.0f} {row['peak_mb']:8.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
