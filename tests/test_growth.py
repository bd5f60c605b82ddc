"""The short form of benchmarks/growth.py: a file that declares more than it holds is refused, or costs nothing."""

import sys
from pathlib import Path

import pytest

from organoid_kit.base import UserError

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import fuzz
import growth

resource = pytest.importorskip("resource", reason="limits memory as Linux does")

ROOM = 2_000_000_000  # bytes of memory a test may take more


@pytest.fixture
def little_memory():
    before = resource.getrlimit(resource.RLIMIT_DATA)
    used = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (used + ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


READ = ("labels", "late position", "zarr, time points", "ImageJ, time points")
NEEDED = {"zarr": "zarr", "geff": "geff"}  # extras


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("name", growth.DECLARED)
def test_what_says_it_is_large_is_refused_or_costs_nothing(tmp_path, little_memory, name):
    declare, reader = growth.DECLARED[name]
    pytest.importorskip(NEEDED.get(reader, "numpy"))
    use = fuzz.READERS[reader][1]
    path = declare(tmp_path)
    if name in READ:
        use(path)
        return
    with pytest.raises(UserError) as refused:
        use(path)
    assert "Received" in str(refused.value) and "allocate" not in str(refused.value)


def test_a_network_within_its_file_opens(tmp_path):
    [path] = fuzz.write_networks(tmp_path)
    fuzz.use_network(path)


@pytest.mark.parametrize("name", ["aut", "csv", "lineage", "edit", "judge"])
def test_each_step_prints_what_it_took(capsys, name):
    pytest.importorskip("traccuracy" if name == "judge" else "numpy")
    growth.grow(name, 300)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 2 and all(line.startswith("= ") for line in lines)
