# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Stack browser
# A movie of an organoid, with its annotated nuclei and their tracks. Move the sliders, or click on the picture and use
# the arrow keys.

# %%
from organoid_kit.dashboards import StackBrowser
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples


def make_browser():
    sample = read_dataset(find_samples() / "validation.autlist")[0]
    return StackBrowser(sample.movie, {"annotated": sample.annotations}, channels=(2, 3))


show_app(make_browser)
