# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Augmentation preview
# What a network is shown in training: an example as it is, beside variations of it. Switch operations on and off, and
# see what would teach something wrong.

# %%
from organoid_kit.base.settings import make_settings
from organoid_kit.dashboards import AugmentationPreview
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples


def make_preview():
    samples = read_dataset(find_samples() / "training.autlist")
    return AugmentationPreview(samples, make_settings("position", channels=(2, 3)))


show_app(make_preview)
