# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Annotation checker
# What is wrong in the annotations of a movie, and tools to mend it. A click on a problem goes there. Nothing is lost:
# the original stays as it is, and what you change is saved in a file of its own.

# %%
from organoid_kit.dashboards import AnnotationChecker
from organoid_kit.dataset import read_dataset
from organoid_kit.downloads import find_samples

sample = read_dataset(find_samples() / "validation.autlist")[0]
AnnotationChecker(sample, channels=(2, 3))
