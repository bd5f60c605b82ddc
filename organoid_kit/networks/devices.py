"""What the network runs on: processor or graphics card, and how much memory it has."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import keras
import psutil

_MIXED_PRECISION_FROM = 7.0  # Nvidia's compute capability with tensor cores for float16


@dataclass(frozen=True)
class Device:
    """The device Keras computes on."""

    name: str  # for people
    is_gpu: bool
    memory_bytes: int  # free now
    compute_capability: float = 0.0  # of an Nvidia card

    @property
    def gains_from_mixed_precision(self) -> bool:
        """Whether float16 is quick and safe here."""
        return self.compute_capability >= _MIXED_PRECISION_FROM


def detect_device() -> Device:
    """The device in use, with its free memory: a graphics card if Keras can use it."""
    if _keras_has_gpu() and (card := _query_nvidia()):
        return card
    name = f"processor with {psutil.cpu_count()} cores"
    return Device(name, is_gpu=False, memory_bytes=psutil.virtual_memory().available)


@lru_cache(maxsize=1)
def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16, and TensorFlow makes use of it."""
    if keras.backend.backend() != "tensorflow" or _keras_has_gpu():
        return False
    facts = Path("/proc/cpuinfo")  # Linux alone tells
    known = facts.read_text() if facts.is_file() else ""
    return "avx512_bf16" in known or "amx_bf16" in known


def _keras_has_gpu() -> bool:
    ways = {
        "tensorflow": lambda module: module.config.list_physical_devices("GPU"),
        "jax": lambda module: module.default_backend() == "gpu",
        "torch": lambda module: module.cuda.is_available(),
    }
    backend = keras.backend.backend()
    return bool(ways[backend](import_module(backend)))


@lru_cache(maxsize=1)  # later, TensorFlow has taken all of the card's memory
def _query_nvidia() -> Device | None:
    """The card in use as Nvidia's own tool describes it; None without that tool."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    query = [tool, "--query-gpu=name,memory.free,compute_cap", "--format=csv,noheader,nounits"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    cards = answer.stdout.strip().splitlines()
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "").strip()
    number = int(chosen) if re.fullmatch("[0-9]+", chosen) else 0
    if answer.returncode or number >= len(cards):
        return None
    name, free_mib, capability = (part.strip() for part in cards[number].split(","))
    # Where card and processor share their memory, the tool says [N/A].
    shared = psutil.virtual_memory().available
    memory = int(free_mib) * 2**20 if free_mib.isdigit() else shared
    known = re.fullmatch(r"[0-9]+\.?[0-9]*", capability)
    return Device(name, True, memory, float(capability) if known else 0.0)
