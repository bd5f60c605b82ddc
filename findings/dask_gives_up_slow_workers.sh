#!/usr/bin/env bash
# Dask: a worker process of a LocalCluster ends, killed for memory, say. Its nanny starts it again. Is it back, however long that takes?
#
# Guessed before it was run: yes, since a nanny is there for that; or whoever waits for a result is told.
#
# Seen: a cluster closes a nanny whose worker is not back within 15 s (`distributed.deploy.lost-worker-timeout`), as may be on a
# machine with much other work, or where a preload imports much, and starts no other. The worker still comes, may do
# some work, and is closed. From then on there is none: `cluster.workers` is empty, though `cluster.plan` still counts one; work
# stays pending, and nothing is said. `cluster.scale(1)`, which asks for what there should be already, starts one.
# Met when a command on a busy machine waited for a killed worker; its remedy is to call `scale` now and then.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check distributed==2026.8.0 dask==2026.8.0 \
    psutil==7.2.2 2>/dev/null
cd "$folder"
cat >slow_again.py <<'PYTHON'
import os
import time

if os.path.exists("began"):  # the second time that a worker starts: it takes longer than 15 s
    time.sleep(20)
open("began", "w").close()
PYTHON
cat >look.py <<'PYTHON'
import os
import signal
import sys
import time
from pathlib import Path

import dask
import distributed
from distributed import Client, LocalCluster, TimeoutError


def ask(client, seconds):
    """Whether a small task ends in so many seconds."""
    try:
        client.submit(os.getpid, pure=False).result(timeout=seconds)
    except TimeoutError:
        return False
    return True


def lose_worker():
    """What is there 75 s after the only worker was ended, and once it is asked for anew."""
    options = {"n_workers": 1, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options, preload=["slow_again.py"]) as cluster, Client(cluster) as client:
        number = client.submit(os.getpid, pure=False).result(timeout=30)
        os.kill(number, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
        time.sleep(75)
        seen = {"planned": len(cluster.plan), "there": len(cluster.workers), "answers": ask(client, 15)}
        Path("began").unlink()
        cluster.scale(1)
        return seen | {"answers after scale(1)": ask(client, 60)}


if __name__ == "__main__":
    print(f"distributed {distributed.__version__}, dask {dask.__version__}, Python {sys.version.split()[0]}")
    seen = lose_worker()
    print(seen)
    as_seen = seen == {"planned": 1, "there": 0, "answers": False, "answers after scale(1)": True}
    print("As described." if as_seen else "This has changed.")
    sys.exit(not as_seen)
PYTHON
env/bin/python look.py 2>errors.txt
