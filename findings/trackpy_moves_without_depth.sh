#!/usr/bin/env bash
# trackpy: how fast do nuclei wander in a stack? Linked in z, y, x, then msd, imsd and emsd of the tracks.
#
# Guessed before it was run: as link finds the columns z, y, x by itself and locates in three dimensions, and compute_drift
# has all three, the mean squared displacement does, too: 3 µm² after one time point for steps of 1 µm along each axis.
#
# Seen: it is that of x and y alone, 2 µm². A nucleus that only sinks has 0: it does not move. Divided by six, as three
# dimensions ask for, the diffusion coefficient is a third too small. Nothing is said; the column z is simply not looked at.
# proximity, the distance to the nearest neighbour, is 0 for two nuclei 40 µm above each other (its docstring says so).
# With pos_columns=["z", "y", "x"] all three count, for each of the functions.
# Met when tracking libraries were compared on stacks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q --no-compile --disable-pip-version-check trackpy==0.7 pandas==3.1.1 numpy==2.4.6 \
    scipy==1.17.1 2>/dev/null
cd "$folder"
env/bin/python - <<'PYTHON' 2>errors.txt
import sys
from importlib.metadata import version

import numpy as np
import pandas as pd
import trackpy as tp

tp.quiet()
print(*(f"{name} {version(name)}" for name in ("trackpy", "pandas", "numpy")), f"Python {sys.version.split()[0]}", sep=", ")
rng = np.random.default_rng(0)
ZYX = ["z", "y", "x"]


def make_tracks(steps):
    """Nuclei 100 µm apart, linked; steps (time, nucleus, zyx), µm."""
    places = np.cumsum(steps, axis=0) + 100 * np.arange(steps.shape[1])[:, None]
    frames = [pd.DataFrame(there, columns=ZYX).assign(frame=time) for time, there in enumerate(places)]
    return tp.link(pd.concat(frames, ignore_index=True), 20)


def measure(tracks, **columns):
    """Mean squared displacement after one time point, µm²: by emsd, imsd and msd."""
    emsd = float(tp.emsd(tracks, 1, 1, max_lagtime=3, **columns).iloc[0])
    imsd = float(tp.imsd(tracks, 1, 1, max_lagtime=3, **columns).iloc[0].mean())
    each = [tp.msd(track, 1, 1, max_lagtime=3, **columns)["msd"].iloc[0] for _, track in tracks.groupby("number")]
    return [round(value, 2) for value in (emsd, imsd, float(np.mean(each)))]


wandering = make_tracks(rng.normal(0, 1, (50, 40, 3)))
sinking = make_tracks(np.tile([2.0, 0.0, 0.0], (50, 4, 1)))
seen = []
for name, tracks in (("wandering by 1 µm along each axis", wandering), ("sinking by 2 µm", sinking)):
    drift = tp.compute_drift(tracks)
    tracks = tracks.reset_index(drop=True).assign(number=lambda table: table["particle"])
    seen.append((measure(tracks), measure(tracks, pos_columns=ZYX)))
    print(f"    {name}: {tracks['particle'].nunique()} tracks; columns of the drift: {', '.join(drift.columns)}")
    print(f"        emsd, imsd, msd after one time point: {seen[-1][0]} µm²; with pos_columns: {seen[-1][1]}")
above = pd.DataFrame([{"frame": time, "z": z, "y": 5.0, "x": 5.0} for time in range(3) for z in (5.0, 45.0)])
above = tp.link(above, 5).reset_index(drop=True).query("frame == 0")
near = [float(tp.proximity(above, **columns)["proximity"].min()) for columns in ({}, {"pos_columns": ZYX})]
print(f"    proximity of two nuclei 40 µm above each other: {near[0]} µm; with pos_columns: {near[1]} µm")
(plain, told), (flat, deep) = seen
as_seen = np.allclose(plain, 2, atol=0.15) and np.allclose(told, 3, atol=0.15) and flat == [0, 0, 0] and deep == [4, 4, 4]
as_seen &= near == [0, 40]
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
