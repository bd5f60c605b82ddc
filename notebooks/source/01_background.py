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
#     minutes_gpu: 2
#     minutes_read: 20
# ---

# %% [markdown]
# # 01 · Background: what a network is, and what it sees
#
# **You start with a line through points, and end with the network that finds nuclei.** Nothing in between is magic, and
# most of it you compute by hand.
#
# *Goals.* Afterwards you can say
# - which three questions OrganoidTracker asks, and which network answers which,
# - what *loss*, *learning rate* and *step* mean,
# - how a convolution turns one image into another,
# - why a U-Net sees both where something is and what is around it,
# - what under- and overfitting look like.
#
# *You need* notebook 00, and what a mean is.
#
# *Time.* Minutes to read: 20. Minutes to run: 2 on a processor (CPU), 2 on a graphics card (GPU).

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

# %%
import keras
import numpy as np

from organoid_kit.models.position import build_position_network
from organoid_kit.networks import describe_network, find_field_of_view
from organoid_kit.plots import plot_convolution, plot_fits, plot_losses, plot_u_net
from organoid_kit.settings import NetworkSettings

# %% [markdown]
# Numbers to change. Measurements in this notebook are invented, with random numbers. The *seed* decides which random
# numbers are drawn: the same seed gives the same notebook.

# %% tags=["parameters"]
seed = 1
steps_by_hand = 200  # of the line
rounds = 40  # of the small networks; each round is 50 steps
learning_rate = 0.05

# %% [markdown]
# ## 1. Three questions, three networks
#
# To follow cells through a movie, OrganoidTracker asks three questions. A network answers each.
#
# | question | network | what goes in | what comes out |
# | --- | --- | --- | --- |
# | Where are the nucleus centres? | position | a stack and its neighbours in time | a probability for each voxel |
# | Is this nucleus dividing? | division | a patch around one nucleus, over time | one probability |
# | Is this the same nucleus, one time point later? | link | two patches | one probability |
#
# A *voxel* is a pixel of a 3D image, a *patch* a small piece of a stack. All three networks learn in the same way. This
# course is about the first.

# %% [markdown]
# ## 2. A line learns
#
# An organoid was measured eight times in four days (we invent the numbers). We look for the line
# *diameter = slope · day + start* that fits best.

# %%
rng = np.random.default_rng(seed)
day = np.linspace(0, 4, 8)
diameter = 0.5 + 0.4 * day + rng.normal(0, 0.1, len(day))  # in tenths of a millimetre

# %% [markdown]
# Learning means: begin with a bad line, and make it a little better, many times.
#
# 1. Compute for each point how far the line is off: the *error*.
# 2. Square the errors and take their mean: the *loss*. One number that says how wrong the line is.
# 3. Change slope and start a little, in the direction in which the loss falls. This is one *step*. How far one goes is
#    set by the *learning rate*.
#
# The direction follows from a rule of school mathematics, the derivative of the loss. (If you have forgotten it, trust
# the two lines below that begin with `slope` and `start`.)

# %%
slope, start, losses = 0.0, 0.0, []
for _ in range(steps_by_hand):
    error = slope * day + start - diameter
    losses.append(np.mean(error**2))
    slope -= learning_rate * 2 * np.mean(error * day)  # these two lines are the learning
    start -= learning_rate * 2 * np.mean(error)
print(f"learned step by step: slope {slope:.3f}, start {start:.3f}")
print("computed at once:     slope {:.3f}, start {:.3f}".format(*np.polyfit(day, diameter, 1)))

# %%
line_days = np.linspace(0, 4, 100)
learned = {"learned line": (line_days, slope * line_days + start)}
plot_fits((day, diameter), learned, labels=("day", "diameter (0.1 mm)"))

# %% [markdown]
# **What to see.** The line that began flat at zero now goes through the points. The two printed lines agree but for the
# last digits: many small steps came where a formula gets at once. The steps have one advantage: they also work where
# there is no formula.

# %% [markdown]
# ## 3. A network with one neuron is a line
#
# A *neuron* multiplies each input by a number, its *weight*, adds another number, and passes the result on. One neuron
# with one input is a line. The library Keras, which we use from now on, does the steps for us.
#
# **Guess:** which weight will the neuron have in the end?

# %%
neuron = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
neuron.compile(keras.optimizers.SGD(learning_rate), "mean_squared_error")
x, y = np.tile(day[:, None], (50, 1)), np.tile(diameter, 50)  # 50 steps in a round
neuron.fit(x, y, batch_size=len(day), epochs=rounds // 4, verbose=0)
weight, added = (float(value.squeeze()) for value in neuron.get_weights())
print(f"the neuron: slope {weight:.3f}, start {added:.3f}")

# %% [markdown]
# The same line. The weight is its slope, the added number its start. (If you see `nan`, the learning rate was too
# large.)

# %% [markdown]
# ## 4. Many neurons are a curve
#
# Growth is no line: it begins slowly and ends slowly. So we now take another organoid, measured 24 times in seven days.
# The points scatter around the true curve, as measurements do.
#
# Neurons stand in *layers*: what one layer passes on goes into the next. In between, each number is bent (here by
# *tanh*, a curve shaped like an S). With bends, many neurons together can follow almost any curve. We build three
# networks: one neuron without a bend, a few neurons, and very many.
#
# The next cell but one trains such a network. You need not understand each line of it.

# %%
day = np.sort(rng.uniform(0, 7, 24))
diameter = 0.5 + 2.5 / (1 + np.exp(-1.6 * (day - 3.5))) + rng.normal(0, 0.25, len(day))
seen = np.arange(len(day)) % 2 == 0  # every other point is for learning, the others are kept back


# %%
def train_small_network(neurons: int) -> tuple[keras.Model, keras.callbacks.History]:
    """A network of two bent layers (none for 0 neurons), trained on the points that are seen."""
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(neurons, "tanh") for _ in range(2 if neurons else 0)]
    begin = [keras.Input((1,)), keras.layers.Rescaling(1 / 3.5, -1)]  # days 0 to 7 become -1 to 1
    network = keras.Sequential([*begin, *hidden, keras.layers.Dense(1)])
    network.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    x, y = np.tile(day[seen][:, None], (50, 1)), np.tile(diameter[seen], 50)
    kept_back = (day[~seen][:, None], diameter[~seen])
    options = {"batch_size": 12, "epochs": rounds, "shuffle": False, "verbose": 0}
    return network, network.fit(x, y, validation_data=kept_back, **options)


# %%
line_days = np.linspace(0, 7, 200)
sizes = {"a line": 0, "4 neurons": 4, "128 neurons": 128}
trained = {name: train_small_network(neurons) for name, neurons in sizes.items()}
curves = {}
for name, (network, _) in trained.items():
    curves[name] = line_days, keras.ops.convert_to_numpy(network(line_days[:, None]))[:, 0]

# %% [markdown]
# **Guess before you look:** which of the three comes closest to the black points? Which comes closest to the white
# points, which it has never seen?

# %%
plot_fits(
    (day[seen], diameter[seen]),
    curves,
    unseen=(day[~seen], diameter[~seen]),
    labels=("day", "diameter (0.1 mm)"),
    title="Too simple, about right, too clever",
)

# %% [markdown]
# **What to see.** The line cannot bend: it misses both kinds of points (*underfitting*). A few neurons follow the
# growth. With 128 neurons the curve runs after single black points, also where they lie off by chance (*overfitting*).
# It comes closest to black points, but not to white ones. The next section puts this into numbers.

# %% [markdown]
# ## 5. Underfitting and overfitting
#
# How would we notice without looking at the curve, for example in a network for 3D images? By keeping points back. The
# loss on points that are learned from is the *training loss*; on points that are kept back, the *validation loss*.

# %%
all_losses = {}
for name, (_, record) in trained.items():
    all_losses[f"{name}, training"] = record.history["loss"]
    all_losses[f"{name}, validation"] = record.history["val_loss"]
plot_losses(all_losses, step="round of 50 steps")

# %% [markdown]
# **What to see.** (Each long mark on the left axis is ten times the one below it.)
# - *Underfitting* (the line): both losses stay high. More training does not help; a larger network would. (In notebook
#   04 you meet another cause: steps that are too small.)
# - *Overfitting* (128 neurons): the training loss keeps falling while the validation loss rises. The network learns the
#   points by heart. More examples help, or stopping when the validation loss is lowest.
#
# In notebook 04 the same two pictures come back, with nuclei in place of points.

# %%
for name, (_, record) in trained.items():
    training_loss, validation_loss = record.history["loss"][-1], record.history["val_loss"][-1]
    print(f"{name:12}  training loss {training_loss:.3f}  validation loss {validation_loss:.3f}")

# %% [markdown]
# <details><summary><b>Question:</b> A network has a training loss of 0.01 and a validation loss of 0.40. What is the
# matter, and what would you try first? (Click for an answer.)</summary>
#
# It overfits. More annotated movies are the best cure; varying the examples (notebook 03) is the cheapest.
# </details>

# %% [markdown]
# ## 6. What a convolution sees
#
# An image has millions of voxels. A neuron for each of them would be too many, and a nucleus looks the same wherever it
# is. So one small set of weights, the *kernel*, is moved over the whole image. At each place the 3 × 3 numbers under
# the kernel are multiplied by its weights and added up. This is a *convolution*.

# %%
image = np.zeros((8, 8))
image[2:5, 3:6] = [[2, 4, 2], [4, 9, 4], [2, 4, 2]]  # a small nucleus
image[6, 1] = 3  # a speck
kernel = np.array([[0, 1, 0], [1, 2, 1], [0, 1, 0]])

# %% [markdown]
# **Compute it yourself first:** the kernel lies with its middle on the brightest pixel, in row 3, column 4. Which
# number comes out? (The 9 in the cell above. Rows and columns are counted from 0.)

# %%
padded = np.pad(image, 1)  # a border of zeros, so that the kernel fits at the edge too
answer = np.zeros_like(image)
for row, column in np.ndindex(image.shape):
    answer[row, column] = np.sum(padded[row : row + 3, column : column + 3] * kernel)

# %%
plot_convolution(image, kernel, answer, place=(3, 4))

# %% [markdown]
# **What to see.** In the middle of the nucleus the answer is 2 · 9 + 4 · 4 = 34: twice the middle, once each of its
# four neighbours, and the corners not at all. At the speck it is only 6. This kernel answers strongly to round bright
# things. In a network nobody chooses the weights: they are learned, step by step, like slope and start of the line.
#
# Does Keras compute the same? Keras always takes several images at once, a *batch*. Ours is a batch of one. The
# difference should be 0.

# %%
images = image[None, :, :, None].astype("float32")  # (batch, y, x, channel)
kernels = kernel[:, :, None, None].astype("float32")  # (y, x, channel in, channel out)
by_keras = keras.ops.conv(images, kernels, padding="same")
difference = np.abs(keras.ops.convert_to_numpy(by_keras)[0, :, :, 0] - answer).max()
print(f"largest difference between your loop and Keras: {difference:g}")

# %% [markdown]
# ## 7. What a U-Net does
#
# One convolution sees 3 × 3 pixels. Whether a bright spot is a nucleus or debris can only be told from its
# surroundings. The U-Net has a trick: it makes the image smaller, convolves, makes it smaller again. In a small image
# 3 × 3 pixels are a large neighbourhood. Then it makes the image larger again. At each size it lays beside it what it
# had before (orange), so that the place is not forgotten.
#
# At each layer many kernels work side by side. Each gives an image of its own, called a *channel* of the layer. (These
# are not the channels of the microscope.) Our network also convolves from plane to plane, and gets three time points.

# %%
settings = NetworkSettings()
network = build_position_network(settings)
wanted = ("conv", "concatenate", "dots")
layers = [layer for layer in network.layers if layer.name.startswith(wanted)]
looking = keras.Model(network.inputs, [layer.output for layer in layers])
patch = np.zeros((1, *settings.patch_shape_zyx, 3), "float32")
shapes = [(layer.name, tuple(seen.shape[1:])) for layer, seen in zip(layers, looking(patch))]

# %%
plot_u_net(shapes)

# %% [markdown]
# **What to see.** A patch has 48 rows. The first layer halves them at once, so the first box has 24. From left to right
# the image shrinks to 6 rows and grows to 48 again: a U. Where it is small, it has many channels: for each place many
# answers to "what is here?". The last box has one channel. A last bend, the *sigmoid*, brings each number between 0 and
# 1: the probability that here is the centre of a nucleus.

# %%
described = describe_network(network)
print(f"{described['parameters']:,} numbers are learned. The line had 2.")

# %% [markdown]
# How large is the neighbourhood that decides about one voxel? We can measure it: change one voxel of the input, and see
# how far away the answer changes. This is the *field of view*. It should be larger than a nucleus.

# %%
field_of_view = find_field_of_view(network)
field_um = np.array(field_of_view) * settings.spacing_um  # µm per voxel, z, y, x
print("field of view (z, y, x):", field_of_view, "voxels, or", field_um.round(), "µm")
print("A nucleus is about 8 µm wide.")

# %% [markdown]
# ## Summary
#
# - Learning is: measure how wrong you are (loss), change all weights a little so that it falls, repeat.
# - A neuron is a line. Many neurons with bends are a curve. Convolutions are neurons that look at a small neighbourhood
#   and are moved over the image. A U-Net is convolutions at several sizes.
# - Points that are kept back tell whether a network has understood or only memorised.
#
# Next: 02, check annotations. A network learns whatever is marked, mistakes included.

# %% [markdown]
# **Exercises**
# 1. Set `learning_rate` to 0.005 and to 0.2. What happens to the line of section 2?
# 2. Change `kernel` so that it answers to the left edge of the nucleus, and not to its middle.
# 3. In section 4, measure 96 times in place of 24. Which network gains most on the points that are kept back?
#
# <details><summary><b>Am I right?</b> (Click for answers.)</summary>
#
# 1. With 0.005 it is not there yet after 200 steps: too small is slow. With 0.2 the numbers grow beyond all bounds:
#    each step leaps over the goal, and farther each time.
# 2. For example `np.array([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])`: right minus left. In the row of the 9, the answer is
#    17 at the left edge, 0 in the middle and -17 at the right edge.
# 3. Compare the validation losses printed in section 5, before and after. Expect the most of the 128 neurons: among
#    many points they cannot run after single ones. The line stays a line. Points help against overfitting, not
#    underfitting.
# </details>
