"""Whether this machine is ready: the first thing a notebook says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import psutil

from organoid_kit import __version__

BACKENDS = ("tensorflow", "jax", "torch")
RANGES = {  # name for people: (module, oldest that serves, newest that the tests have seen)
    "Python": ("python", "3.10", "3.13"),
    "TensorFlow": ("tensorflow", "2.16", "2.21"),
    "Keras": ("keras", "3.8", "3.15"),
    "numpy": ("numpy", "1.26", "2.4"),
    "ipywidgets": ("ipywidgets", "7.7", "8.1"),
}
_FOR_NETWORKS = ("TensorFlow", "Keras")
_OPTIONAL = ("TensorFlow",)  # another backend serves as well
_OTHER_NAMES = {
    "tensorflow": ("tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly")
}
_LEAST_MEMORY_BYTES = (
    3 * 2**30
)  # training the small network with its default patch, and a browser beside it


def get_version(module: str) -> str | None:
    """Version of "python" or of a module, without loading it; "" where it does not say, None where
    it is not there.
    """
    if module == "python":
        return sys.version.split()[0]
    if find_spec(module) is None:
        return None
    for package in (module, *_OTHER_NAMES.get(module, ())):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""


def check_environment(
    *, trains: bool = True, get_version: Callable[[str], str | None] = get_version
) -> str:
    """One verdict: "Works.", "Works, with notes: …" or "Do this: …". Loads nothing heavy, changes
    nothing.

    Args:
        trains: whether a network is to be trained or used, which needs Keras and one of its
            backends.
        get_version: tells which version of a module there is.
    """
    asked = {
        name: module for name, (module, *_) in RANGES.items() if trains or name not in _FOR_NETWORKS
    }
    versions = {name: get_version(module) for name, module in asked.items()}
    known = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    here = f"(organoid_kit {__version__}, {known})"
    if steps := [*_find_obstacles(versions), *_find_missing_backend(trains, get_version)]:
        return f"Do this: {' '.join(steps)} Then restart this notebook. {here}"
    notes = [*_list_untested_versions(versions), *_find_notes(trains, versions)]
    return f"Works, with notes: {' '.join(notes)} {here}" if notes else f"Works. {here}"


def _find_obstacles(versions: dict[str, str | None]) -> Iterator[str]:
    """What is missing or too old, and how to mend it."""
    for name, number in versions.items():
        module, oldest, _ = RANGES[name]
        if number is None and name not in _OPTIONAL:
            yield f'install {name}: pip install "{module}>={oldest}".'
        elif number and _read_version(number) < _read_version(oldest):
            how = (
                f"{oldest} to {RANGES[name][2]}"
                if name == "Python"
                else f'pip install "{module}>={oldest}"'
            )
            yield f"take a newer {name} than {number}: {how}."


def _find_missing_backend(trains: bool, get_version: Callable[[str], str | None]) -> Iterator[str]:
    if trains and all(get_version(name) is None for name in BACKENDS):
        yield "install TensorFlow, on which the networks run: pip install tensorflow."


def _list_untested_versions(versions: dict[str, str | None]) -> Iterator[str]:
    """What nobody has tried with the kit yet."""
    for name, number in versions.items():
        newest = RANGES[name][2]
        if number and _read_version(number) > _read_version(newest):
            yield f"{name} {number} is newer than what the kit was tried with (up to {newest}); it may well work."


def _find_notes(trains: bool, versions: dict[str, str | None]) -> Iterator[str]:
    """What else is good to know."""
    if trains and versions["TensorFlow"] is None:
        yield "TensorFlow is not here; the kit is used with it mostly."
    free = psutil.virtual_memory().available
    if free < _LEAST_MEMORY_BYTES:
        yield f"Only {free / 2**30:.1f} GB of memory are free: close other programs if training stops."


def _read_version(number: str) -> tuple[int, ...]:
    """The first two numbers: which corrections are in it makes no difference here."""
    return tuple(map(int, re.findall(r"\d+", number)[:2]))
