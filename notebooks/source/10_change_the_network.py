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
#     minutes_cpu: 4
#     minutes_do: 45
#     minutes_gpu: 2
#     minutes_teach: 20
# ---

# %% [markdown]
# # 10 · Change the network: filters, a layer, a loss, an augmentation of your own
#
# **You look into a trained network, then build your own, and find out whether it is better.**
#
# *Goals.* Afterwards you can
# - say what the layers of a network answer to,
# - build a network with other filters, or with another layer,
# - train with your own loss and your own augmentation,
# - compare what you tried without fooling yourself.
#
# *You need* notebook 04, and to write a function of three lines.
#
# *Time.* To teach: 20 minutes. To do: 45 minutes. The computer works for 4 of them on a processor (CPU), for 2 on a
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
# **From memory:** 1. What is a filter? 2. What does a skip connection bring back? 3. Which movies choose a network?
#
# <details><summary>Answers</summary>
#
# 1. A small pattern of weights, moved over the image. 2. Where exactly things are. 3. Those for validation, never those
#    for the test.
# </details>

# %% [markdown] tags=["instructor"]
# **For teachers.** Show section 1 live: let them describe each row of pictures before you say anything. Exercise 1 in
# pairs, at the board: draw the last three layers as boxes. *Expected question.* "Which network is best?" Nobody knows
# before three seeds each; let each group take one change and one seed, and collect F1 on the board.

# %%
import dataclasses

import keras
import numpy as np

from organoid_kit import find_samples, load_network, make_settings, plots, read_dataset, train
from organoid_kit.course import add_result, choose_answer, figures, read_results
from organoid_kit.course.lessons import notebook_10 as lesson
from organoid_kit.data import timelapse
from organoid_kit.examples import PositionExamples
from organoid_kit.networks import build_position_network

# %% [markdown]
# You can change these numbers. Each seed trains five networks.

# %% tags=["parameters"]
seeds = (1,)  # (1, 2, 3) takes three times as long, and tells more
epochs = 20
patches_per_time_point = 2
output_folder = "runs"

# %% [markdown]
# ## 1. What the layers see
#
# We take the network that comes with the kit, and show it a patch with nuclei. Each filter of a layer answers with an
# image of its own, a *feature map*: bright where its pattern was found.

# %%
samples = find_samples()
training = read_dataset(samples / "training.autlist")
validation = read_dataset(samples / "validation.autlist")
trained, settings = load_network("position_small")
settings = settings.changed(channels=(2, 3))
examples = PositionExamples(training, settings, augment=False).examples(0, 0, 16)
example = max(examples, key=lambda example: len(example.positions_inside))
patch, plane = example.image[None], example.fullest_plane
print("the patch: (batch, z, y, x, time points) =", patch.shape)
plots.plot_example(example, settings)

# %% [markdown]
# **What to see.** On the left what goes in, in the middle what should come out. Now the layers in between.


# %%
def plot_maps(number, name):
    """One plane of the five maps of a layer, counted from the input, that vary most there."""
    layer = trained.layers[number]
    answer = keras.Model(trained.inputs, layer.output)([patch])
    maps = keras.ops.convert_to_numpy(answer)[0, plane]  # (y, x, filters)
    chosen = np.sort(np.argsort(-maps.std(axis=(0, 1)))[:5])
    pixel_um = settings.spacing_um[2] * patch.shape[3] / maps.shape[1]
    images = np.moveaxis(maps[..., chosen], -1, 0)[None, :, None]  # (time, filter, z, y, x)
    names = [f"filter {filter + 1} of {maps.shape[-1]}" for filter in chosen]
    options = {"name": f"{name}, {layer.name}", "channel_names": names}
    movie = timelapse.make_timelapse(images, (2.0, pixel_um, pixel_um), **options)
    return plots.images.plot_channels(movie, 0, [(place,) for place in range(1, 6)])


# %%
lesson.which_layer

# %%
plot_maps(1, "The first layer")

# %% [markdown]
# **What to see.** Nuclei at half the size. Some maps show whole nuclei, others their brightest parts or an edge:
# patterns of a few pixels, as in notebook 01.

# %%
plot_maps(15, "The deepest layer")

# %% [markdown]
# **What to see.** Few, large pixels. You can no longer say where a nucleus ends. Maps answer to something larger, such
# as the dark to the right of the organoid; the network found it useful, and nobody gave it a name.

# %%
plot_maps(29, "The last layer but one")

# %% [markdown]
# **What to see.** Full size again, and places are exact. These maps are bright where *no* nucleus is, each in its own
# way. The last layer weighs all maps, and says how probable a centre is.

# %% [markdown]
# ## 2. Other filters
#
# How many filters each level has is a choice. Fewer are quicker, and know less.

# %%
small = make_settings("position", channels=(2, 3), patch_shape_zyx=(8, 32, 32), epochs=epochs)
small = small.changed(patience=epochs, patches_per_time_point=patches_per_time_point)
usual = build_position_network(small)
narrow = build_position_network(small, filters=(8, 16, 32))  # usually (24, 48, 96)
print(f"usual: {usual.count_params():,} weights, narrow: {narrow.count_params():,}")

# %% [markdown]
# ## 3. Another layer
#
# A Keras network is a chain: each layer has an `output`, and calling a layer on it makes the chain longer.
# `keras.Model(input, output)` is the network from one end to the other.
#
# **Exercise 1: a layer.** Put a convolution before the last layer. The function gets a network whose last layer gives
# one probability for each voxel, and returns the longer one.


# %% exercise="layer"
def add_layer(network):
    # 1. what the layer before the last passes on: network.layers[-2].output
    # 2. a convolution of it: keras.layers.Conv3D(24, 3, padding="same", activation="relu")(...)
    # 3. the end anew: one filter of size 1, and a sigmoid
    # 4. the network from network.input to that end
    ...


# %%
lesson.layer.check(add_layer)

# %%
longer = choose_answer(lesson.layer, add_layer)(usual)
print(f"with another layer: {longer.count_params():,} weights")

# %% [markdown]
# ## 4. Your own loss
#
# A loss takes targets and probabilities, and gives a number for each voxel; the kit weighs them. Here is the squared
# error of notebook 01.


# %%
def find_squared_error(targets, probabilities):
    return keras.ops.square(targets - probabilities)


# %%
lesson.other_units

# %% [markdown]
# ## 5. Your own augmentation
#
# The kit varies each patch (notebook 03). You can vary it further. `image` has the axes z, y, x, time point; chance
# comes from `rng` alone, so that a training can be repeated. Positions do not follow: change how bright things are, not
# where.
#
# **Exercise 2: less light.** Multiply the whole image by *one* random number between 0.3 and 1.


# %% exercise="darker"
def darken(image, rng):
    # rng.uniform(low, high) draws a number
    ...


# %%
lesson.darker.check(darken)

# %% [markdown]
# ## 6. Compare
#
# All are trained for equally many steps. The validation loss has other units where the loss is another, so we compare
# F1 on validation patches. **Guess:** which change helps, and by how much?

# %%
mine = choose_answer(lesson.darker, darken)
changes = {
    "usual": {},
    "fewer filters": {"network": narrow},
    "another layer": {"network": longer},
    "squared error": {"loss": find_squared_error},
    "less light": {"augment": mine},
}
few = validation[0].annotations
judged_by = [dataclasses.replace(validation[0], annotations=few.select(few.time_points % 4 == 0))]

# %%
for seed in seeds:
    one = small.changed(seed=seed, output_folder=output_folder)
    for name, change in changes.items():
        run = train(training, judged_by, one, **change, on_progress=lambda progress: None)
        best = max(row["validation_f1"] or 0 for row in run.history)
        scores = {"F1 of the best epoch": best}
        add_result(output_folder, "position", name, seed, scores, tested_on="validation patches")
        print(f"seed {seed}, {name}: {best:.3f}")

# %%
figures.plot_results(read_results(output_folder), score="F1 of the best epoch")

# %% [markdown]
# **What to see.** A circle is one training. The squared error finds nothing (with the seeds 1, 2 and
# 3 alike): it hardly pushes a network
# that is sure and wrong, while cross-entropy pushes hardest just there. Of differences of a few hundredths one seed
# says nothing: two seeds of the *same* network differ as much. (A network of your own starts from the weights that it
# was built with; so other seeds change its examples only.)
#
# Which would you try with three seeds? That is the honest next step: `seeds = (1, 2, 3)`, and in the end the test
# movie, once. The same three doors, `network=`, `loss=` and `augment=`, stand open for division and link networks
# (`build_division_network`, `build_link_network`). [Adding a
# network](https://github.com/organoid-kit/organoid_kit/blob/main/docs/adding.md#a-network-a-loss-an-augmentation) says
# what each must take and give.

# %% [markdown]
# ## Summary
#
# - Early layers see edges and spots, deep ones something without a name, the last ones places.
# - A network is a chain of layers: take it apart where you like, and go on from there.
# - Another loss has other units: compare F1.
# - One training of each proves nothing. Three seeds, validation movies to choose, the test movie once.
#
# From here you continue with your own ideas. Your network is used like any other: load it from its run folder, resume
# it, export it.
