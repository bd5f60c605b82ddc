"""Whether this machine is ready: the first thing a notebook says."""

import ctypes
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import psutil

from organoid_kit import __version__

BACKENDS = ("tensorflow", "jax", "torch")
RANGES = {  # name for people: (module, oldest that serves, newest that the tests have seen)
    "Python": ("python", "3.11", "3.13"),
    "TensorFlow": ("tensorflow", "2.16", "2.21"),
    "Keras": ("keras", "3.13.2", "3.15"),  # before, loading a network from others was not safe
    "numpy": ("numpy", "1.26", "2.4"),
    "ipywidgets": ("ipywidgets", "7.7", "8.1"),
}
_TENSORFLOW_PACKAGES = ("tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly")
# Training the small network with its default patch, and a browser beside it
_LEAST_MEMORY_BYTES = 3 * 2**30
_MALLOPT = ((-8, 1), (-4, 0), (-1, -1))  # one arena; no mapping of large blocks; no trimming


def keep_memory() -> None:
    """Keeps memory that was used, where the C library is glibc: TensorFlow gives its own back and
    asks again in each step, two fifths of a training's processor time. Before threads are started.
    """
    if platform.libc_ver()[0] == "glibc":
        for parameter, value in _MALLOPT:
            ctypes.CDLL(None).mallopt(parameter, value)


def get_version(module: str) -> str | None:
    """Version of "python" or of a module, not loaded; "" where unknown, None where not there."""
    if module == "python":
        return sys.version.split()[0]
    if find_spec(module) is None:
        return None
    for package in (module, *(_TENSORFLOW_PACKAGES if module == "tensorflow" else ())):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""


def check_environment(*, trains: bool = True) -> str:
    """A verdict: "Works.", "Works, with notes: …" or "Do this: …"; Keras only where it `trains`."""
    steps, notes, known = [], [], []
    for name, (module, oldest, newest) in RANGES.items():
        if module in ("tensorflow", "keras") and not trains:
            continue
        number, how = get_version(module), f'pip install "{module}>={oldest}"'
        if number:
            known.append(f"{name} {number}")
        if number is None and module != "tensorflow":  # another backend serves as well
            steps.append(f"install {name}: {how}.")
        elif number and _read_version(number) < _read_version(oldest):
            how = f"{oldest} to {newest}" if name == "Python" else how
            steps.append(f"take a newer {name} than {number}: {how}.")
        elif number and _read_version(number)[:2] > _read_version(newest):
            notes.append(f"{name} {number} is newer than what the kit was tried with ({newest}).")
    backends = [name for name in BACKENDS if trains and get_version(name) is not None]
    if trains and not backends:
        steps.append("install TensorFlow, on which the networks run: pip install tensorflow.")
    if "tensorflow" in backends:  # in a process of its own, as it may end without a word
        command = [sys.executable, "-c", "import tensorflow"]
        tried = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if tried.returncode:
            said = tried.stderr.strip().rpartition("\n")[2]
            steps.append(f"install TensorFlow anew, which does not start here ({said}).")
    elif backends:
        notes.append("TensorFlow is not here; the kit is mostly used with it.")
    if (free := psutil.virtual_memory().available) < _LEAST_MEMORY_BYTES:
        free = f"Only {free / 2**30:.1f} GB of memory are free"
        notes.append(f"{free}: close other programs if training stops.")
    here = f"(organoid_kit {__version__}, {', '.join(known)})"
    if steps:
        return f"Do this: {' '.join(steps)} Then restart this notebook. {here}"
    return f"Works, with notes: {' '.join(notes)} {here}" if notes else f"Works. {here}"


def _read_version(number: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", number)[:3]))
