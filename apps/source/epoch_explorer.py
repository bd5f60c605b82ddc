# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Epoch explorer
# How the answers of a network change from epoch to epoch. Choose among the runs in the folder `runs`; if there is
# none yet, a network is trained for half a minute first.

# %%
from organoid_kit.base.settings import make_settings
from organoid_kit.dashboards import EpochExplorer
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples
from organoid_kit.training.runs import list_runs


def make_explorer():
    if any(row["epochs"] for row in list_runs("runs")):
        return EpochExplorer("runs")
    from organoid_kit.training.loop import train

    training, validation = (
        read_dataset(find_samples() / f"{name}.autlist") for name in ("training", "validation")
    )
    settings = make_settings("position", channels=(2, 3), epochs=4, patches_per_time_point=1)
    train(training, validation, settings, on_progress=lambda _: None)
    return EpochExplorer("runs")


show_app(make_explorer)
