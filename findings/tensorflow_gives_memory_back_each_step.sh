#!/usr/bin/env bash
# TensorFlow trains on a processor with memory that it gives back to Linux after each step. The two settings of glibc
# that are named for such cases (no mapping, no trimming) change nothing by themselves, and neither does a single arena
# by itself; all three together end it.
#
# Guessed beforehand: MALLOC_MMAP_MAX_=0 and MALLOC_TRIM_THRESHOLD_=-1 are enough, as both ways of giving back are closed
# then; and page faults of a step are a few per cent of its time.
#
# What is so: with the two settings a step has as many page faults as without. TensorFlow works in threads of its own, each
# with an arena of at most 64 MB pieces; a tensor that is larger is mapped all the same when it does not fit there, whatever
# M_MMAP_MAX says. With one arena as well there are fewer than a tenth, and a step takes clearly less time of the system.
# (A processor that has more than one arena needs another allocator, such as tcmalloc or jemalloc without decay.)
#
# Needs Linux with glibc, Python 3.11 to 3.13 and a package index.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip --disable-pip-version-check install -q \
    tensorflow-cpu==2.21.0 keras==3.15.1 numpy==2.4.6

cat >"$folder/steps.py" <<'PY'
import json
import os
import resource

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras
import numpy as np

layers = keras.layers
inputs = keras.Input((16, 48, 48, 3))
values = inputs
for filters in (16, 32, 16):
    values = layers.Conv3D(filters, 3, padding="same", activation="relu")(values)
network = keras.Model(inputs, layers.Conv3D(1, 1, activation="sigmoid")(values))
network.compile("adam", "binary_crossentropy")
images = np.random.default_rng(0).random((16, 16, 48, 48, 3)).astype("float32")
answers = np.zeros((16, 16, 48, 48, 1), "float32")
for _ in range(2):
    network.train_on_batch(images, answers)
before = resource.getrusage(resource.RUSAGE_SELF)
for _ in range(6):
    network.train_on_batch(images, answers)
after = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "faults": (after.ru_minflt - before.ru_minflt) / 6,
    "user": (after.ru_utime - before.ru_utime) / 6,
    "system": (after.ru_stime - before.ru_stime) / 6,
}))
PY

cat >"$folder/compare.py" <<'PY'
import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version

print(*(f"{name} {version(name)}" for name in ("tensorflow-cpu", "keras", "numpy")), sep=", ")
print("Python", platform.python_version(), "and", *platform.libc_ver())
arena = {"MALLOC_ARENA_MAX": "1"}
kept = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "-1"}
ways = {"as it comes": {}, "one arena": arena, "no mapping, no trimming": kept, "all three": arena | kept}
faults = {}
for name, settings in ways.items():
    clean = {key: text for key, text in os.environ.items() if "MALLOC" not in key and key != "LD_PRELOAD"}
    answer = subprocess.run(
        [sys.executable, sys.argv[1]], env=clean | settings, capture_output=True, text=True, check=True
    )
    row = json.loads(answer.stdout.splitlines()[-1])
    faults[name] = row["faults"]
    print(f"{name:24} {row['faults']:9.0f} page faults, {row['user']:.2f} s user, {row['system']:.2f} s system in a step")
usual = faults["as it comes"]
still = usual > 20_000 and faults["no mapping, no trimming"] > usual / 2 and faults["one arena"] > usual / 2
assert still, "one of the settings by itself keeps memory now"
assert faults["all three"] < usual / 10, "all three together do not keep memory any more"
print("As before: each alone changes nothing, all three keep the memory.")
PY
"$folder/env/bin/python" "$folder/compare.py" "$folder/steps.py"
