# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Threshold explorer
# A network gives each nucleus a probability. Above which probability should you believe it? Move the threshold: fewer
# false nuclei, or fewer missed ones? Opening takes half a minute, because a network looks for nuclei first.

# %%
from organoid_kit.dashboards import ThresholdExplorer
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.networks.saving import load_network
from organoid_kit.prediction.positions import predict_positions


def make_explorer():
    sample = read_dataset(find_samples() / "validation.autlist")[0]
    network, settings = load_network("position_small")
    settings = settings.changed(channels=(2, 3))
    found = predict_positions(network, sample.movie, settings, threshold=0.05, show_progress=False)
    return ThresholdExplorer(sample, found, channels=(2, 3))


show_app(make_explorer)
