# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Class board
# When does the first nucleus divide? Go to that time point, register it as your guess, and send the string
# that appears to your teacher, who pastes the strings of the whole class and sees them together.

# %%
from ipywidgets import VBox

from organoid_kit.dashboards import ClassBoard, StackBrowser
from organoid_kit.dashboards.parts.common import show_app
from organoid_kit.data.dataset import read_dataset
from organoid_kit.data.downloads import find_samples


def make_board():
    movie = read_dataset(find_samples() / "validation.autlist")[0].movie
    browser = StackBrowser(movie, channels=(2, 3))
    question = "At which time point do you see the first nucleus divide?"
    options = {"limits": (0, 100), "step": 1, "labels": ("time point", "score")}
    board = ClassBoard(question, **options, dashboard=browser, control="time_point")
    return VBox([browser, board])


show_app(make_board)
