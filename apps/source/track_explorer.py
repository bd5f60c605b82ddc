# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Track explorer
# Lineage trees beside the movie, and the links that are most probably wrong. Opening takes a minute, because three
# networks look for nuclei, divisions and links first.

# %%
from organoid_kit.dashboards import TrackExplorer
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.prediction.movie import track_movie


def make_explorer():
    sample = read_dataset(find_samples() / "validation.autlist")[0]
    networks = ("position_small", "division_small", "link_small")
    tracked = track_movie(sample.movie, *networks, channels=(2, 3), show_progress=False)
    return TrackExplorer(sample.movie, tracked.tracks, channels=(2, 3))


show_app(make_explorer)
