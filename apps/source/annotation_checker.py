# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Annotation checker
# What is wrong in the annotations of a movie, and tools to correct it. This movie's were right, until somebody moved a
# nucleus and removed two links: find out where. The original stays as it is; what you change is saved in a new file.

# %%
import dataclasses

import numpy as np

from organoid_kit.dashboards import AnnotationChecker
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples


def make_checker():
    sample = read_dataset(find_samples() / "validation.autlist")[0]
    positions, links = (
        sample.annotations.positions.copy(),
        np.delete(sample.annotations.links, [60, 200], axis=0),
    )
    positions[100] += (0, -20, 0)
    flawed = dataclasses.replace(sample.annotations, positions=positions, links=links)
    return AnnotationChecker(dataclasses.replace(sample, annotations=flawed), channels=(2, 3))


show_app(make_checker)
