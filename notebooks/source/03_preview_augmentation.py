# ---
# jupyter:
#   jupytext:
#     notebook_metadata_filter: organoid_kit
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
#   organoid_kit:
#     minutes_cpu: 1
#     minutes_gpu: 1
#     minutes_read: 15
# ---

# %% [markdown]
# # 03 · Preview augmentation: vary the examples before you train
#
# **You see what every variation does to an image and to its annotations, and find out which ones would teach the
# network something wrong.**
#
# *Goals.* Afterwards you can
# - say why examples are varied at all,
# - recognise each variation in an image,
# - show that positions move with the image,
# - choose variations that could happen in your microscope.
#
# *You need* notebook 00. No network is used here.
#
# *Time.* Minutes to read: 15. Minutes to run: 1 on a processor (CPU), 1 on a graphics card (GPU).

# %%
# On Google Colab this cell installs the kit. Elsewhere it only says whether this machine is ready.
import sys
from importlib.util import find_spec

from IPython import get_ipython

if find_spec("organoid_kit") is None and "google.colab" in sys.modules:
    address = "git+https://github.com/organoid-kit/organoid_kit"
    get_ipython().run_line_magic("pip", f'install -q "organoid-kit @ {address}"')
if find_spec("organoid_kit") is None:
    print("Do this: install the kit as README.md says, then start this notebook again.")
else:
    from organoid_kit.environment import check_environment

    print(check_environment(trains=False))

# %%
import dataclasses

import numpy as np
from ipywidgets import FloatSlider, IntSlider, interact

from organoid_kit.augmentation import apply_to_positions, cut_patch, draw_augmentation
from organoid_kit.dataset import read_dataset
from organoid_kit.downloads import find_samples
from organoid_kit.examples import PositionExample, PositionExamples
from organoid_kit.plots import plot_augmentations, plot_example
from organoid_kit.settings import AugmentationSettings, NetworkSettings
from organoid_kit.targets import draw_dots, find_peaks

# %% tags=["parameters"]
channels = (2, 3)  # which channels show nuclei, counted from 1
time_point = 6
seed = 4  # which piece of the stack, and which dice are thrown

# %% [markdown]
# ## 1. One example
#
# A network learns from *patches*, small pieces of stacks. An example is a patch with its right answer, the *target*: a
# dot at each nucleus centre. Of twenty patches we take the one with most in it.

# %%
training = read_dataset(find_samples() / "training.autlist")
settings = NetworkSettings(channels=channels, spacing_um=training[0].movie.spacing_um, seed=seed)
as_they_are = PositionExamples(training, settings, augment=False)
place = as_they_are.places[time_point]
keys = [(seed, number) for number in range(20)]
key = max(keys, key=lambda key: as_they_are.example(place, key).target.sum())
example = as_they_are.example(place, key)

# %%
plot_example(example, settings)

# %% [markdown]
# **What to see.** Left the patch; in the middle the target; right what counts. White counts in the loss, black is
# ignored, as nobody annotated it. Filled rings lie in this plane, faint ones above or below it.
#
# ## 2. Why vary?
#
# You annotated some hundred nuclei. Turned by 90°, a nucleus is still a nucleus; a little darker too. If the network
# sees every example a little different each time, it cannot learn them by heart (overfitting, notebook 01), and it is
# ready for other microscopes.
#
# All variations can be switched off:

# %%
nothing = AugmentationSettings(
    flip=False,
    rotation_degrees=None,
    scale=None,
    brightness=None,
    contrast=None,
    gamma=None,
    depth_dimming=None,
    noise=None,
    blur_px=None,
)


# %%
def vary(throw: int = 0, **operations) -> PositionExample:
    """The example above with these variations only; another throw of the dice, another result."""
    chosen = dataclasses.replace(nothing, **operations)
    augmentation = draw_augmentation(chosen, np.random.default_rng((seed, throw)))
    return as_they_are.example(place, key, augmentation)


# %% [markdown]
# ## 3. Variations of place
#
# **Guess:** which of these also move the target?

# %%
moved = [vary(3, flip=True), vary(7, rotation_degrees=180.0)]
moved += [vary(scale=(0.7, 0.7)), vary(scale=(1.4, 1.4))]
plot_augmentations(example, moved, settings, names=["flip", "rotation", "scale 0.7", "scale 1.4"])

# %% [markdown]
# **What to see.** The dots in the lower row move with the nuclei. When the image grows, the distances between dots
# grow, but not the dots: they have a size in µm of their own. Corners that lie outside the movie are black.

# %% [markdown]
# ## 4. Variations of light

# %%
light = [vary(brightness=(0.5, 0.5)), vary(contrast=(1.5, 1.5))]
light += [vary(gamma=(0.6, 0.6)), vary(gamma=(1.6, 1.6))]
names = ["half the light", "more contrast", "gamma 0.6", "gamma 1.6"]
plot_augmentations(example, light, settings, names=names)

# %% [markdown]
# **What to see.** The image changes, the target does not. *Gamma* below 1 lifts what is dim; above 1 it sinks.

# %%
camera = [vary(1, noise=0.3), vary(2, blur_px=3.0), vary(1, depth_dimming=0.9)]
plot_augmentations(example, camera, settings, names=["noise", "blur", "dimming with depth"])

# %% [markdown]
# **What to see.** Noise is what a camera adds when there is little light. Blur comes from a bad focus. Deep in the
# tissue light is lost: how much this plane loses depends on how deep in the patch it lies.

# %% [markdown]
# ## 5. Try it
#
# Move the sliders. When do *you* stop seeing the nuclei? What you cannot see, the network should not be asked to.


# %%
def plot_variation(scale=1.0, brightness=1.0, gamma=1.0, noise=0.0, throw=0):
    """The example as it is, and varied, for the sliders and for you."""
    strength = {"scale": (scale,) * 2, "brightness": (brightness,) * 2, "gamma": (gamma,) * 2}
    varied = vary(throw, rotation_degrees=180.0, noise=noise, **strength)
    return plot_augmentations(example, [varied], settings, names=["varied"])


# %%
sliders = interact(
    plot_variation,
    scale=FloatSlider(1.0, min=0.5, max=3.0, step=0.1, continuous_update=False),
    brightness=FloatSlider(1.0, min=0.1, max=2.0, step=0.1, continuous_update=False),
    gamma=FloatSlider(1.0, min=0.4, max=2.5, step=0.1, continuous_update=False),
    noise=FloatSlider(0.0, min=0.0, max=1.0, step=0.05, continuous_update=False),
    throw=IntSlider(0, min=0, max=20, continuous_update=False),
)

# %% [markdown]
# **What to see.** The patch is turned by a chance angle, which `throw` changes, and varied as the sliders say.
#
# Are there no sliders, or do they not move? Call the function yourself:

# %%
plot_variation(scale=1.2, brightness=0.6, noise=0.2, throw=7)

# %% [markdown]
# **What to see.** The same as with the sliders at these numbers.
#
# ## 6. All together
#
# In training all variations act at once, with strengths drawn by chance. These are the defaults of the kit:

# %%
print(settings.augmentation)

# %%
varied = [vary(throw, **dataclasses.asdict(settings.augmentation)) for throw in range(4)]
plot_augmentations(example, varied, settings)

# %% [markdown]
# **What to see.** Four examples that the network might see in place of the first. Each epoch it sees others.

# %% [markdown]
# ## 7. One matrix moves image and positions
#
# If the image were turned one way and the positions another, the network would learn nonsense. In the kit both are
# moved by the same 3 × 3 matrix. We test this: draw dots into an image, turn *the image*, find the dots in it; then
# turn *the positions*. Both must agree.

# %%
rng = np.random.default_rng(seed)
augmentation = draw_augmentation(settings.augmentation, rng)
print("z, y and x of the new place, from z, y and x of the old one:")
print(augmentation.matrix.round(2))

# %%
shape, centre = (16, 64, 64), np.array([7.5, 40.0, 40.0])
positions = centre + [[0, 0, 0], [2, 10, -6], [-3, -8, 12]]  # three nuclei, z, y, x
dots = draw_dots(positions, (16, 80, 80), settings.spacing_um, sigma_um=2.0)
turned = cut_patch(augmentation, [dots.transpose(1, 2, 0)], centre, shape)  # (y, x, time, z)
turned_image = turned[:, :, 0].transpose(2, 0, 1)
in_image, _ = find_peaks(turned_image, settings.spacing_um, min_distance_um=3.0, threshold=0.3)
by_matrix = apply_to_positions(augmentation, positions, centre, shape)

# %%
distances = np.linalg.norm(in_image[:, None] - by_matrix[None], axis=2)
print("from dot in the turned image to turned position, in voxels:", distances.min(axis=0).round(3))
back = np.linalg.solve(augmentation.matrix, (by_matrix - (np.array(shape) - 1) / 2).T).T + centre
print("turned back, the positions are where they were:", np.allclose(back, positions))

# %% [markdown]
# ## 8. What would teach something wrong
#
# **Guess:** what is wrong with each of these three examples?

# %%
turned = vary(7, rotation_degrees=180.0)
forgotten = dataclasses.replace(turned, positions=example.positions, target=example.target)
wrong = [vary(brightness=(0.1, 0.1), noise=0.9), vary(scale=(3.5, 3.5)), forgotten]
plot_augmentations(example, wrong, settings, names=["A", "B", "C"])

# %% [markdown]
# **What to see.**
# - *A*: the light is gone, the dots are still asked for. The network would learn to draw dots into noise.
# - *B*: a nucleus is as large as an organoid. No movie of yours will ever look so; learning it costs strength.
# - *C*: the image was turned, the positions were not. Dots lie beside nuclei. This is a mistake in a program, and only
#   looking at examples shows it.
#
# The rule: **vary what may vary in your microscope, about as far as it may vary.**

# %% [markdown]
# ## Summary
#
# - Variations of place move image and positions together; variations of light change the image alone.
# - They make few annotations count for many, and the network ready for other movies.
# - Too much is as bad as too little. Look before you train.
#
# <details><summary><b>Question:</b> Why does the kit not turn stacks around the x axis, so that top becomes side?
# (Click for an answer.)</summary>
#
# Planes lie 2 µm apart, rows 0.5 µm, and light is lost with depth. A nucleus seen from the side looks different, and no
# microscope shows it like that from above.
# </details>
#
# **Exercises**
# 1. Your microscope bleaches: late time points have a third of the light. Which variation, and how strong?
# 2. All your nuclei have the same size. Should you switch `scale` off? (Think of other people's organoids.)
# 3. Find the strongest noise with which you still see all nuclei. Compare with the default.
#
# Next: 04, train a position network.
