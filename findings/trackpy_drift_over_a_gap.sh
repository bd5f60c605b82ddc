#!/usr/bin/env bash
# trackpy: the drift of a sample, of a movie in which one time point has no nucleus.
#
# Two nuclei stand still in a sample that drifts by 2 µm a time point. At time point 3 none was found, so it is not in the
# table; memory=1 links over it.
#
# Guessed before it was run: compute_drift, the "ensemble drift", knows 2 µm for each time point that there is, 10 at time
# point 5; once it is subtracted, the nuclei stand still.
#
# Seen: what happened over the gap is dropped, though both nuclei are linked over it: the drift is 2, 4, then nothing for
# time point 4, then 6. subtract_drift leaves the first time point after the gap as it was, 8 µm off, and all later ones
# 4 µm off, for good. Each gap adds to it. Nothing is said. And link_df_iter, "the same as link", of one table per time point,
# links over the gap although memory is 0, where link begins new tracks.
# Met when tracking libraries were compared on a movie with an empty image.
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

import pandas as pd
import trackpy as tp

tp.quiet()
print(*(f"{name} {version(name)}" for name in ("trackpy", "pandas", "numpy")), f"Python {sys.version.split()[0]}", sep=", ")
seen = {}
for name, times in (("without a gap", (0, 1, 2, 3, 4, 5, 6)), ("with a gap", (0, 1, 2, 4, 5, 6))):
    places = [{"frame": time, "z": 10.0 + 2 * time, "y": 5.0, "x": x} for time in times for x in (5.0, 50.0)]
    nuclei = pd.DataFrame(places)
    tracks = tp.link(nuclei, 10, memory=1)
    drift = tp.compute_drift(tracks)
    still = tp.subtract_drift(tracks.reset_index(drop=True), drift).reset_index(drop=True)
    by_table = pd.concat(tp.link_df_iter((part for _, part in nuclei.groupby("frame")), 10))
    seen[name] = {
        "tracks": tracks["particle"].nunique(),
        "drift": drift["z"].to_dict(),
        "then at": still[still["particle"] == 0].set_index("frame")["z"].to_dict(),
        "tracks by link, memory 0": tp.link(nuclei, 10)["particle"].nunique(),
        "tracks by link_df_iter, memory 0": by_table["particle"].nunique(),
    }
    print(f"    {name}:")
    print(*(f"        {what}: {value}" for what, value in seen[name].items()), sep="\n")
whole, gap = seen.values()
as_seen = (
    set(whole["then at"].values()) == {10.0}
    and whole["drift"][5] == 10
    and gap["tracks"] == 2
    and gap["drift"] == {1: 2, 2: 4, 5: 6, 6: 8}
    and list(gap["then at"].values()) == [10, 10, 10, 18, 14, 14]
    and (gap["tracks by link, memory 0"], gap["tracks by link_df_iter, memory 0"]) == (4, 2)
)
print("As described." if as_seen else "This has changed.")
sys.exit(not as_seen)
PYTHON
