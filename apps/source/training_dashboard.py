# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Training dashboard
# Trains a network on the bundled movies and shows how it learns. Pause, change the number of epochs, stop, continue:
# the run is kept in a folder of its own, whatever happens to this page.

# %%
from organoid_kit.dashboards import TrainingDashboard
from organoid_kit.dashboards.parts.common import show_app

show_app(TrainingDashboard)
