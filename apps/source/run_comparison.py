# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Run comparison
# What do few annotations cost, and what do wrong ones? Each dot is a training that was measured beforehand. Guess
# first, then choose how many time points are annotated, how many of the annotations are wrong, and what the training
# starts from.

# %%
from organoid_kit.dashboards import RunComparison
from organoid_kit.dashboards.parts.common import show_app

show_app(RunComparison)
