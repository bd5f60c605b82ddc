# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Channel dashboard
# Which channels should a network be trained on? In this movie each nucleus is bright in one of two channels, depending
# on the phase of its cell cycle. See how many nuclei stand out in each channel, and in their sum.

# %%
from organoid_kit.dashboards import ChannelDashboard
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples


def make_dashboard():
    sample = read_dataset(find_samples() / "validation.autlist")[0]
    return ChannelDashboard(sample.movie, sample.annotations)


show_app(make_dashboard)
