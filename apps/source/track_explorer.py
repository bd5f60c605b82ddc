# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Track explorer
# Lineage trees beside the movie, and the links that are most probably wrong. What the three shipped networks found lies
# in `organoid_c_tracked.aut`; without that file they look again, which takes a minute or two.

# %%
from pathlib import Path

from organoid_kit import prediction
from organoid_kit.dashboards import TrackExplorer
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data import read_annotations, write_annotations
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples


def make_explorer():
    movie = read_dataset(find_samples() / "validation.autlist")[0].movie
    found = Path("organoid_c_tracked.aut")
    if not found.exists():
        networks = ("position_small", "division_small", "link_small")
        write_annotations(prediction.track_movie(movie, *networks, channels=(2, 3)).tracks, found)
    return TrackExplorer(movie, read_annotations(found), channels=(2, 3))


show_app(make_explorer)
