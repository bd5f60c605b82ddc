"""Whether this machine is ready: the first thing a notebook says."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec

import psutil

from organoid_kit import __version__

BACKENDS = ("tensorflow", "jax", "torch")
_LEAST_MEMORY_BYTES = 3 * 2**30  # training the small network with its default patch, and a browser beside it


def check_environment(
    *, trains: bool = True, is_installed: Callable[[str], bool] = lambda name: find_spec(name) is not None
) -> str:
    """One verdict: "Works.", "Works, with notes: …" or "Do this: …". Loads nothing heavy.

    Args:
        trains: whether a network is to be trained or used, which needs one of Keras' backends.
        is_installed: asked for each backend.
    """
    here = f"organoid_kit {__version__}, Python {sys.version.split()[0]}"
    if trains and not any(map(is_installed, BACKENDS)):
        return f"Do this: install TensorFlow, on which the networks run: pip install tensorflow. Then restart. ({here})"
    notes = list(_find_notes(trains, is_installed))
    return f"Works, with notes: {' '.join(notes)} ({here})" if notes else f"Works. ({here})"


def _find_notes(trains: bool, is_installed: Callable[[str], bool]) -> Iterator[str]:
    """What is good to know."""
    if trains and not is_installed("tensorflow"):
        yield "TensorFlow is not here; the kit is used with it mostly."
    free = psutil.virtual_memory().available
    if free < _LEAST_MEMORY_BYTES:
        yield f"Only {free / 2**30:.1f} GB of memory are free: close other programs if training stops."
