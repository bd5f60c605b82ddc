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
#     minutes_cpu: 2
#     minutes_gpu: 1
#     minutes_read: 5
# ---

# %% [markdown]
# # 00 · Start here: from a movie to its nuclei
#
# **In two minutes you walk the whole way once:** you open a movie of an organoid, look at it, check its annotations,
# train a small neural network for a moment, let a trained one find the nuclei, and measure how good it is.
#
# *Goals.* Afterwards you can say
# - what a movie, a stack, a channel and a position are,
# - what goes into the network and what comes out,
# - how one measures whether the network is right.
#
# *You need* nothing but this page. Press Shift+Enter to run a cell and go on to the next one. Nothing can break.
#
# *Time.* Minutes to read: 5. Minutes to run: 2 on a processor (CPU), 1 on a graphics card (GPU).

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

    print(check_environment())

# %% [markdown]
# Now we take from the kit what we need. Loading the neural networks takes about ten seconds. Lines in red that speak
# of oneDNN, CUDA or TensorRT are remarks of TensorFlow, not errors.

# %%
from organoid_kit.baseline import find_blobs, tune_blobs
from organoid_kit.checks import check_annotations, summarise_annotations
from organoid_kit.dataset import read_dataset
from organoid_kit.downloads import find_samples
from organoid_kit.evaluation import score_positions
from organoid_kit.networks import list_shipped_networks, load_network
from organoid_kit.patches import PreparedMovies
from organoid_kit.plots import plot_channels, plot_history, plot_prediction, plot_stack
from organoid_kit.prediction import predict_heat, predict_positions
from organoid_kit.settings import NetworkSettings
from organoid_kit.training import train

# %% [markdown]
# These numbers you may change. Then run all cells below again.

# %% tags=["parameters"]
channels = (2, 3)  # which channels show nuclei, counted from 1
time_point = 6  # which moment of the movie to look at
epochs = 3  # how often the network goes through the examples
patches_per_time_point = 2  # how many examples each moment gives
output_folder = "runs"

# %% [markdown]
# ## 1. Open a movie
#
# A movie is a series of *stacks*. A stack is a 3D image: planes (z) of rows (y) and columns (x). Four small movies
# come with the kit. They are invented by a computer, so we know exactly where each nucleus is. Two are for training,
# one is for validation, and one is for the test at the very end.

# %%
samples = find_samples()
training = read_dataset(samples / "training.autlist")
validation = read_dataset(samples / "validation.autlist")
test = read_dataset(samples / "test.autlist")
print(test[0].movie)

# %% [markdown]
# **Before you run the next cell:** in this movie a nucleus shines either in channel 2 or in channel 3, depending on
# where it is in its cell cycle. Which picture will show all nuclei?

# %%
plot_channels(test[0].movie, time_point, [(1,), (2,), (3,), (2, 3)])

# %% [markdown]
# **What to see.** Channel 1 is ordinary light: shapes, but no clear nuclei. Channels 2 and 3 each show a part of the
# nuclei. Only their sum shows all of them. This is why the kit can add channels up before a network sees them.

# %% [markdown]
# ## 2. Look at the annotations
#
# Somebody marked the centre of every nucleus: these marks are the *annotations*, and each mark is a *position*. A
# network learns from them, so they must be right.

# %%
one = training[0]
stack = one.movie.stack(time_point, channels)
positions = one.annotations.positions_at(time_point)
plot_stack(stack, one.movie.spacing_um, positions=positions, title=one.name)

# %% [markdown]
# **What to see.** Every nucleus has one orange ring. Nuclei that lie above each other seem to overlap, as we look
# through the whole stack from above. The bar gives the scale.

# %% [markdown]
# ## 3. Check the annotations
#
# The kit looks for typical mistakes: two marks on one nucleus, marks in the dark, bright nuclei without a mark.

# %%
for each in training:
    problems = check_annotations(each.annotations, each.movie, channels=channels)
    print(f"{each.name}: {len(problems)} problems")
print()
print(summarise_annotations(training))

# %% [markdown]
# More about this, and how to repair mistakes, is in notebook 02.
#
# ## 4. Train for a moment
#
# The network sees small pieces of stacks (*patches*) and shall draw a dot at each nucleus centre. It starts with random
# numbers inside. After each step these numbers are changed a little, so that its drawing gets closer to the right
# answer. One *epoch* is one walk through all examples.
#
# **Guess:** will three epochs be enough?

# %%
settings = NetworkSettings(
    channels=channels,
    epochs=epochs,
    patches_per_time_point=patches_per_time_point,
    output_folder=output_folder,
)
run = train(training, validation, settings)

# %%
plot_history(run.history, title="A moment of training")

# %% [markdown]
# **What to see.** The *loss* says how wrong the network is. Both lines fall: it is learning. But it is far from done.

# %% [markdown]
# ## 5. Take a trained network
#
# So that you need not wait, a network that has been trained for longer comes with the kit. (If your copy of the kit has
# none, we go on with the one you have just trained.)

# %%
shipped = list_shipped_networks()
network, settings = load_network("position_small" if shipped else run.folder)
settings = settings.changed(channels=channels)
print("The network", "that comes with the kit." if shipped else "that you have just trained.")

# %% [markdown]
# ## 6. Find the nuclei
#
# The network has never seen the test movie. It gives a *probability* for each place to be a nucleus centre. Places that
# stand out are taken as found positions.

# %%
movie, truth = test[0].movie, test[0].annotations
truth = truth.select(truth.time_points == time_point)
found = predict_positions(network, movie, settings, time_points=[time_point])
window = PreparedMovies([movie], settings).window(0, time_point)  # before, now, after
heat = predict_heat(network, [stack.transpose(2, 0, 1) for stack in window], settings)

# %%
stack = movie.stack(time_point, channels)
plot_prediction(stack, heat, truth.positions, found.positions, movie.spacing_um)

# %% [markdown]
# **What to see.** Left the image, right what the network says about it. Rings are right, triangles were missed, crosses
# are no nuclei. How many of each there are is written below.

# %% [markdown]
# ## 7. How good is it?
#
# A found position is right if it lies within 5 µm of a true one, one found for one true.
# - **Precision**: which part of what was found is right?
# - **Recall**: which part of the true nuclei was found?
# - **F1** is high only if both are high. 1 is perfect, 0 is useless.
#
# A number alone says little. So we ask beside it: how good is a simple method without any learning? It looks for
# bright blobs; its size and threshold were chosen on the training movies.

# %%
chosen = tune_blobs(training, channels=channels, diameters_um=(7, 8, 9))
blobs = find_blobs(movie, time_points=[time_point], **chosen)
print("network:", score_positions(truth, found))
print("blobs:  ", score_positions(truth, blobs))

# %% [markdown]
# ## Summary
#
# You opened a movie, looked at it, checked its annotations, trained a network for a moment, found nuclei with a trained
# one, and scored it on a movie it had never seen, beside a simple method. That is the whole way; the other notebooks
# walk it slowly.
#
# | next | what it is about |
# | --- | --- |
# | 01 background | how a network learns, and what it sees |
# | 02 check annotations | find and repair mistakes, on your own movie too |
# | 03 preview augmentation | how examples are varied, and what varies too much |
# | 04 train a position network | train in earnest, and judge the result |
#
# **Try it.** Set `time_point` to 0 and to 11 at the top and run all cells again. Is the network better when there are
# fewer nuclei? Which nuclei does it miss?
