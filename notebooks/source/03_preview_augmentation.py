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
#     minutes_do: 45
#     minutes_gpu: 1
#     minutes_teach: 25
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
# *Time.* To teach: 25 minutes. To do: 45 minutes. The computer works for 1 of them on a processor (CPU), for 1 on a
# graphics card (GPU).

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
    from organoid_kit import check_environment

    print(check_environment())

# %% [markdown]
# **From memory:** 1. Why must a cuboid be annotated completely? 2. What is an example? 3. How can you notice
# overfitting?
#
# <details><summary>Answers</summary>
#
# 1. What is not marked counts as background. 2. A patch with its right answer. 3. The validation loss stays behind the
#    training loss.
# </details>

# %% [markdown] tags=["instructor"]
# **For teachers.** *Show live:* the preview of section 6, all off, then one operation after the other; ask each time
# "could this be your microscope?". Then example C of section 8. *Let them do:* exercises 1 and 2; those who know
# matrices do exercise 3.
#
# *For one hour,* leave out section 7. *Expected questions.* "Are there more annotations now?" No: more examples of the
# same nuclei. "Why are there black corners?" The turned patch reaches beyond the movie. "Why is validation not varied?"
# So that its numbers can be compared from epoch to epoch.

# %%
import dataclasses

import numpy as np

from organoid_kit import find_samples, plots, read_dataset
from organoid_kit.base import AugmentationSettings, NetworkSettings
from organoid_kit.course.lessons import notebook_03 as lesson
from organoid_kit.dashboards import AugmentationPreview
from organoid_kit.evaluation import find_peaks
from organoid_kit.examples import (
    PositionExamples,
    apply_to_positions,
    cut_patch,
    draw_augmentation,
    draw_dots,
    position,
)

# %% tags=["parameters"]
channels = (2, 3)  # which channels show nuclei, counted from 1
time_point = 6
seed = 4  # which piece of the stack, and how the dice fall

# %% [markdown]
# ## 1. One example
#
# A network learns from *patches*, small pieces of stacks. An *example* is a patch with its right answer, the *target*:
# a dot at each nucleus centre. *Augmentation* means varying the examples.
#
# A patch is cut out at random. The *seed* decides which random numbers are drawn, so that you see the same ones again.
# Of twenty patches we take the one with the most nuclei in it. Here it has the fine spacing of the movie, so that you
# can see it well. In training the kit rescales all movies to a coarser spacing of 2 × 1 × 1 µm (z, y, x).
#
# The kit also adjusts each stack to the same brightness: background is about 0, bright nuclei are about 1.

# %%
training = read_dataset(find_samples() / "training.autlist")
settings = NetworkSettings(channels=channels, spacing_um=training[0].movie.spacing_um, seed=seed)
as_they_are = PositionExamples(training, settings, augment=False)
keys = [(seed, number) for number in range(20)]
key = max(keys, key=lambda key: as_they_are.example(time_point, key).target.sum())
example = as_they_are.example(time_point, key)

# %%
plots.plot_example(example, settings)

# %% [markdown]
# **What to see.** On the left one plane of the patch; in the middle the target; on the right what counts. White counts
# in the loss (how wrong the network is). Anything that nobody annotated would be black, and is ignored. Filled marks
# lie in this plane, faint rings above or below it. Only nuclei near this plane have a dot in it.

# %% [markdown]
# ## 2. Why vary?
#
# Say you annotated a few hundred nuclei. A nucleus turned by 90° is still a nucleus; so is one that is a little darker.
# If the network sees every example a little differently each time, it can hardly learn them by heart (*overfitting*,
# notebook 01). And it is better prepared for other microscopes.
#
# All variations can be switched off. We do so here, to switch them on one by one:

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
def vary(throw: int = 0, **operations) -> position.PositionExample:
    """The example above with these variations only; a different throw of the dice gives a different result."""
    chosen = dataclasses.replace(nothing, **operations)
    augmentation = draw_augmentation(chosen, np.random.default_rng((seed, throw)))
    return as_they_are.example(time_point, key, augmentation)


# %% [markdown]
# ## 3. Variations of place
#
# First a guess:

# %%
lesson.which_move

# %%
moved = [vary(3, flip=True), vary(7, rotation_degrees=180.0)]
moved += [vary(scale=(0.7, 0.7)), vary(scale=(1.4, 1.4))]
plots.images.plot_augmentations(
    example, moved, settings, names=["flip", "rotation", "scale 0.7", "scale 1.4"]
)

# %% [markdown]
# **What to see.** All four move the target: the dots in the lower row move with the nuclei. When the image grows, the
# distances between dots grow, but the dots do not: they have a fixed size in µm. Black corners, if there are any, lie
# outside the movie.
#
# **Exercise 1: a mirror.** `patch` has the axes z, y, x; `positions` has one row (z, y, x) for each nucleus, in voxels.
# Mirror both, so that left becomes right. Return the new patch and the new positions.


# %% exercise="mirror"
def mirror(patch, positions):
    """The patch and its positions, with left and right swapped."""
    ...


# %%
lesson.mirror.check(mirror)

# %% [markdown]
# ## 4. Variations of light
#
# Three ways to change intensities: less light; more *contrast*, which moves everything away from the mean; a different
# *gamma*, which mainly makes dim places brighter or darker. Guess before you see them:

# %%
lesson.which_light

# %%
light = [vary(brightness=(0.5, 0.5)), vary(contrast=(1.5, 1.5))]
light += [vary(gamma=(0.6, 0.6)), vary(gamma=(1.6, 1.6))]
names = ["half the light", "more contrast", "gamma 0.6", "gamma 1.6"]
plots.images.plot_augmentations(example, light, settings, names=names)

# %% [markdown]
# **What to see.** None: the image changes, the target does not. With more contrast, bright gets brighter and dark
# darker. With a gamma below 1 dim places get brighter, above 1 darker.
#
# **Exercise 2: a contrast.** What is above the mean of the patch should become `factor` times as far above it; what is
# below, `factor` times as far below. Return the new patch.


# %% exercise="contrast"
def change_contrast(patch, factor):
    """The patch with more contrast, or with less where factor is below 1."""
    ...


# %%
lesson.contrast.check(change_contrast)

# %%
camera = [vary(1, noise=0.3), vary(2, blur_px=3.0), vary(1, depth_dimming=0.9)]
plots.images.plot_augmentations(
    example, camera, settings, names=["noise", "blur", "dimming with depth"]
)

# %% [markdown]
# **What to see.** Noise is what a camera adds when there is little light. Blur comes from poor focus. Deep in the
# tissue light is lost: how much this plane loses depends on how deep in the patch it lies.

# %% [markdown]
# ## 5. All together
#
# In training all variations act at once, with strengths drawn at random. These are the defaults of the kit. Two numbers
# are the lowest and the highest value (`brightness` 0.6 to 1.5 times); a single number is the highest. The last ones,
# from `jitter_um` on, belong to the division and the link network (notebooks 05 and 06):

# %%
print(settings.augmentation)

# %%
varied = [vary(throw, **dataclasses.asdict(settings.augmentation)) for throw in range(4)]
plots.images.plot_augmentations(example, varied, settings)

# %% [markdown]
# **What to see.** Four examples that the network might see instead of the first. In each *epoch*, one pass through all
# the examples, it sees different ones.

# %% [markdown]
# ## 6. Try it
#
# The *augmentation preview* shows an example as it is, beside variations of it. Switch operations on and off, move
# their ranges, throw the dice again. When do *you* stop seeing the nuclei? What you cannot see, the network should not
# be asked to see. Where a setting is known to teach something wrong, a warning says why; but it does not catch
# everything: look for yourself. (The slider for the example goes through the time points of both movies, one after the
# other.)

# %%
preview = AugmentationPreview(training, settings)
preview

# %% [markdown]
# The same without buttons: each control can be set by code. Here we ask for far too much noise, and draw the preview.

# %%
preview.operations["noise"].range.value = 0.9
print(*preview.warnings.values(), sep="\n")
preview.plot()

# %% [markdown]
# **What to see.** On the left the example as it is, beside it four variations, each above its target. The dashboard
# shows the same warning. *All as usual* restores the kit's ranges.

# %% [markdown]
# ## 7. One matrix moves image and positions
#
# If the image were turned one way and the positions another, the network would learn nonsense. In the kit both are
# moved by the same 3 × 3 *matrix*: a table of nine numbers that turns old coordinates into new ones. (You can skip this
# section if you have never met matrices.)
#
# **Exercise 3: a turn.** `position` and `centre` are places in the movie (z, y, x), three numbers each. The patch is
# turned around `centre`, which ends up in the `middle` of the patch. Where in the patch does the position lie? In
# Python, `matrix @ offset` multiplies a matrix by three numbers.


# %% exercise="move"
def move_position(position, matrix, centre, middle):
    """Where a position of the movie lies in the patch."""
    ...


# %%
lesson.move.check(move_position)

# %% [markdown]
# We test this. We draw dots into an image, turn *the image*, and find the dots in it. Then we turn *the positions*. The
# two must agree.

# %%
rng = np.random.default_rng(seed)
augmentation = draw_augmentation(settings.augmentation, rng)
print("z, y and x of the new place, from z, y and x of the old one:")
print(augmentation.matrix.round(2))

# %%
shape, centre = (16, 64, 64), np.array([7.5, 40.0, 40.0])
positions = centre + [[0, 0, 0], [2, 10, -6], [-3, -8, 12]]  # three nuclei, z, y, x
dots = draw_dots(positions, (16, 80, 80), settings.spacing_um, sigma_um=2.0)
turned = cut_patch(augmentation, [dots], centre, shape)  # (z, y, x, time)
in_image, _ = find_peaks(turned[..., 0], settings.spacing_um, min_distance_um=3.0, threshold=0.3)
by_matrix = apply_to_positions(augmentation, positions, centre, shape)

# %%
distances = np.linalg.norm(in_image[:, None] - by_matrix[None], axis=2)
print("from dot in the turned image to turned position, in voxels:", distances.min(axis=0).round(3))
back = np.linalg.solve(augmentation.matrix, (by_matrix - (np.array(shape) - 1) / 2).T).T + centre
print("turned back, the positions are where they were:", np.allclose(back, positions))

# %% [markdown]
# The distances should be small parts of a voxel, and the last line should end with `True`. The distances are not quite
# zero, because a turned image is put together from whole voxels.

# %% [markdown]
# ## 8. What would teach something wrong
#
# What is wrong with each of the three examples below? Decide before you answer the question; what each one is comes
# after it.

# %%
turned = vary(7, rotation_degrees=180.0)
forgotten = dataclasses.replace(turned, positions=example.positions, target=example.target)
wrong = [vary(brightness=(0.1, 0.1), noise=0.9), vary(scale=(3.5, 3.5)), forgotten]
plots.images.plot_augmentations(example, wrong, settings, names=["A", "B", "C"])

# %% [markdown]
# **What to see.** Three examples, each above its target. Two go too far, one is a programming mistake.

# %%
lesson.which_is_a_fault

# %% [markdown]
# - *A*: the light is gone, but the dots are still asked for. The network would learn to draw dots into noise.
# - *B*: a nucleus fills the patch, which is 24 µm wide. No movie of yours will ever look like that; a
#   network that must learn this too has less room for what matters.
# - *C*: the image was turned, the positions were not. Dots lie beside nuclei. This is a programming mistake, and only
#   looking at examples reveals it.
#
# The rule: **vary what can vary in your microscope, about as much as it can vary.**

# %% [markdown]
# ## Summary
#
# - Variations of place move image and positions together; variations of light change the image alone.
# - They make a few annotations go far, and prepare the network for other movies. They do not replace other movies.
# - Too much can do as much harm as too little. Look before you train.
#
# Next: 04, train a position network.

# %%
lesson.top_becomes_side

# %% [markdown]
# **For those who want more**
# 1. Your dye bleaches: late time points have a third of the light. Which variation, and how strong? (Remember that the
#    kit adjusts each stack to the same brightness.)
# 2. All your nuclei have the same size. Should you switch `scale` off? (Think of other people's organoids.)
# 3. Find the strongest noise at which you can still see all the nuclei. Compare with the default.
#
# <details><summary><b>Am I right?</b> (Click for answers.)</summary>
#
# 1. `brightness` seems right. But the kit makes dim stacks brighter anyway, and with them their noise: a third of the
#    light is then up to three times the noise. So raise `noise`, from 0.08 to about 0.2, and check whether varied early
#    time points look like your late ones. That is the real test.
# 2. For your movies alone a narrow range such as (0.9, 1.1) is enough: no two nuclei are quite alike. For a network
#    that others will use too, leave it on.
# 3. There is no one number: it depends on your eyes and your screen. Try several values of `throw`. If you need to go
#    far above 0.08, the default is on the safe side.
# </details>
