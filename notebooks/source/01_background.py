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
#     minutes_do: 70
#     minutes_gpu: 1
#     minutes_teach: 45
# ---

# %% [markdown]
# # 01 · Background: what a network is, and what it sees
#
# **You start with a line through points, and end with the network that finds nuclei.** Nothing in between is magic, and
# you compute most of it by hand.
#
# *Goals.* Afterwards you can
# - say which three questions OrganoidTracker asks,
# - compute a *loss* and take one *step* down,
# - compute a convolution by hand, and get what Keras gets,
# - say why a U-Net sees both where something is and what is around it,
# - recognise under- and overfitting.
#
# *You need* notebook 00, and what a mean is. For the exercises, a little Python: [ten
# minutes](https://github.com/organoid-kit/organoid_kit/blob/main/docs/python.md) are enough.
#
# *Time.* To teach: 45 minutes. To do: 70 minutes. The computer works for 1 of them on a processor (CPU), for 1 on a
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
# **From memory:** 1. What is a stack? 2. What is one epoch? 3. A network marks everything: is its recall high or low?
#
# <details><summary>Answers</summary>
#
# 1. The 3D image of one time point. 2. One pass through all the examples. 3. High; its precision is low.
# </details>

# %% [markdown] tags=["instructor"]
# **For teachers.** *Show live:* a line that learns (section 2, the figure after each change of the learning rate), the
# three curves of section 4, one place of the convolution on the board. *Let them do:* the four exercises. Anyone who
# has never written code does exercises 1 and 4, with hints, and reads the solutions to 2 and 3.
#
# *For one hour,* leave out section 3 and exercise 2. *Expected questions.* "Why squared?" So that errors above and
# below do not cancel, and large ones count more. "Where does the factor of 2 come from?" The derivative of a square.
# "Is this how our brain works?" No: it is only named after it.

# %%
import keras
import numpy as np

from organoid_kit import make_settings
from organoid_kit.base import NetworkSettings
from organoid_kit.course import choose_answer, figures
from organoid_kit.course.lessons import notebook_01 as lesson
from organoid_kit.networks import build_network, build_position_network, measure_field_of_view

# %% [markdown]
# You can change these numbers. The measurements in this notebook are invented, using random numbers. The *seed* decides
# which ones are drawn: the same seed gives the same notebook.

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
# All three learn in the same way, and look at images in the same way. Section 8 shows how they differ.

# %%
lesson.which_network

# %% [markdown]
# ## 2. A line learns
#
# An organoid was measured eight times in four days. We look for the line *diameter = slope · day + start* that fits
# best.

# %%
rng = np.random.default_rng(seed)
day = np.linspace(0, 4, 8)
diameter = 0.5 + 0.4 * day + rng.normal(0, 0.1, len(day))  # in tenths of a millimetre

# %% [markdown]
# Learning means: begin with a bad line, and make it a little better, many times.
#
# 1. Compute for each point how far the line is off: the *error*, what the line says minus what was measured.
# 2. Square the errors and take their mean: the *loss*. One number that says how wrong the line is.
# 3. Change slope and start a little, in the direction in which the loss falls. This is one *step*. The *learning rate*
#    sets how far we go.
#
# **Exercise 1: a loss.** Write a function that takes what the line says (`answers`) and what was measured (`truth`),
# two arrays of numbers, and returns the loss. Replace the three dots with your code; begin each line with four spaces,
# as the dots do, and the last one with `return`. New to code? `lesson.loss.puzzle()` gives the lines, shuffled: put
# them in order, then type them. `lesson.loss.hint()` helps, `lesson.loss.solution()` shows one way.


# %% exercise="loss"
def compute_loss(answers, truth):
    """The mean of the squared errors."""
    ...


# %%
lesson.loss.check(compute_loss)

# %% [markdown]
# **Exercise 2: a step.** (*Skip it if formulas are not for you;* the kit's step is used instead.) School mathematics
# (the derivative of the loss, its *gradient*) says which way to go:
#
# - new start = start − learning rate · 2 · the mean of the errors,
# - new slope = slope − learning rate · 2 · the mean of error · x.
#
# Both use the errors of the *old* line. The function gets slope and start, the arrays `x` and `y` (here: day and
# diameter), and the learning rate. It returns the new slope and the new start.


# %% exercise="step"
def take_step(slope, start, x, y, learning_rate):
    """The new slope and the new start."""
    ...


# %%
lesson.step.check(take_step)

# %% [markdown]
# Now 200 steps, with your two functions if they are right, and with the kit's where they are not.

# %%
measure = choose_answer(lesson.loss, compute_loss)
go = choose_answer(lesson.step, take_step)


# %%
def learn_line(learning_rate: float, steps: int) -> tuple[float, float, list[float]]:
    """Slope and start after these steps, and the loss before each of them."""
    slope, start, losses = 0.0, 0.0, []
    for _ in range(steps):
        losses.append(measure(slope * day + start, diameter))
        slope, start = go(slope, start, day, diameter, learning_rate)
    return slope, start, losses


# %%
slope, start, losses = learn_line(learning_rate, steps_by_hand)
print(f"loss: {losses[0]:.3f} before the first step, {losses[-1]:.3f} before the last")
print(f"learned step by step: slope {slope:.3f}, start {start:.3f}")
print("computed at once:     slope {:.3f}, start {:.3f}".format(*np.polyfit(day, diameter, 1)))

# %%
line_days = np.linspace(0, 4, 100)
learned = {"learned line": (line_days, slope * line_days + start)}
figures.plot_fits((day, diameter), learned, labels=("day", "diameter (0.1 mm)"))

# %% [markdown]
# **What to see.** The line that began flat at zero now goes through the points. The two printed lines agree except for
# the last digits: many small steps arrive where a formula gets you at once. But steps also work where there is no
# formula.

# %%
lesson.large_steps

# %%
rates = (0.005, 0.05, 0.2)
figures.plot_losses({f"learning rate {rate}": learn_line(rate, 20)[2] for rate in rates})

# %% [markdown]
# **What to see.** The first 20 steps; the left axis goes up in powers of ten. With 0.005 the loss falls, slowly. With
# 0.05 it falls quickly. With 0.2 it grows without bound: each step overshoots the goal, by more each time. If a
# network's loss becomes `nan` ("not a number"), think of this first.

# %% [markdown]
# ## 3. A network with one neuron is a line
#
# A *neuron* multiplies each input by a number, its *weight*, adds another number, and passes the result on. One neuron
# with one input is a line. From now on the library Keras does the steps for us. **Guess:** what weight will the neuron
# end up with?

# %%
neuron = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
neuron.compile(keras.optimizers.SGD(learning_rate), "mean_squared_error")
x, y = np.tile(day[:, None], (50, 1)), np.tile(diameter, 50)  # 50 steps in a round
neuron.fit(x, y, batch_size=len(day), epochs=rounds // 4, shuffle=False, verbose=0)
weight, added = (float(value.squeeze()) for value in neuron.get_weights())
print(f"the neuron: slope {weight:.3f}, start {added:.3f}")

# %% [markdown]
# The same line: the weight is its slope, the added number its start.

# %% [markdown]
# ## 4. Many neurons are a curve
#
# Growth begins slowly and ends slowly. Here is another organoid, measured 24 times in seven days. The networks learn
# from every other point (black in the figure below). We keep the others (white) back: no network sees them while it
# learns.
#
# Neurons stand in *layers*: what one layer passes on goes into the next. In between, each number passes through a curve
# (an *activation*; here *tanh*, which is shaped like an S). That lets many neurons together follow almost any curve. We
# build three networks: one neuron without such a curve, two layers of 3 neurons, and two layers of 128.
#
# You need not understand every line below. `Rescaling` turns days into numbers from -1 to 1. *Adam*
# goes downhill as you did above (the gradient is computed from the last layer back to the first: *backpropagation*),
# but finds a separate step size for each number in the network.

# %%
days = np.sort(rng.uniform(0, 7, 24))
diameters = 0.5 + 2.5 / (1 + np.exp(-1.6 * (days - 3.5))) + rng.normal(0, 0.4, len(days))
seen = np.arange(len(days)) % 2 == 0  # every other point is for learning, the others are kept back


# %%
def train_small_network(neurons: int) -> tuple[keras.Model, keras.callbacks.History]:
    """A network with two tanh layers (none for 0 neurons), trained on the points that it may see."""
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(neurons, "tanh") for _ in range(2 if neurons else 0)]
    begin = [keras.Input((1,)), keras.layers.Rescaling(1 / 3.5, -1)]  # days 0 to 7 become -1 to 1
    network = keras.Sequential([*begin, *hidden, keras.layers.Dense(1)])
    network.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    x, y = np.tile(days[seen][:, None], (50, 1)), np.tile(diameters[seen], 50)
    kept_back = (days[~seen][:, None], diameters[~seen])
    options = {"batch_size": len(days[seen]), "epochs": rounds, "shuffle": False, "verbose": 0}
    return network, network.fit(x, y, validation_data=kept_back, **options)


# %%
line_days = np.linspace(0, 7, 200)
sizes = {"a line": 0, "3 neurons": 3, "128 neurons": 128}
trained = {name: train_small_network(neurons) for name, neurons in sizes.items()}
curves = {}
for name, (network, _) in trained.items():
    curves[name] = line_days, keras.ops.convert_to_numpy(network(line_days[:, None]))[:, 0]

# %%
lesson.three_networks

# %%
figures.plot_fits(
    (days[seen], diameters[seen]),
    curves,
    unseen=(days[~seen], diameters[~seen]),
    labels=("day", "diameter (0.1 mm)"),
    title="Too simple, about right, too clever",
)

# %% [markdown]
# **What to see.** The line cannot bend: it misses both kinds of points (*underfitting*). Three neurons follow the
# growth. With 128 the curve chases single black points, even where they are off by chance (*overfitting*). It comes
# closest to the black points, but not to the white ones.

# %% [markdown]
# ## 5. Underfitting and overfitting
#
# How would we notice without looking at the curve, for example in a network for 3D images? By keeping points back. The
# loss on the points that the network learns from is the *training loss*; on those kept back, it is the *validation
# loss*.

# %%
training_losses = {name: record.history["loss"] for name, (_, record) in trained.items()}
validation_losses = {name: record.history["val_loss"] for name, (_, record) in trained.items()}
figures.plot_losses(training_losses, validation=validation_losses, step="round of 50 steps")

# %% [markdown]
# **What to see.** Dashed lines are the validation loss. (Each long mark on the left axis is ten times the one below
# it.)
# - *Underfitting* (the line): both losses stay high. More training does not help; a larger network would.
# - *Overfitting* (128 neurons): the training loss keeps falling while the validation loss rises. The network learns the
#   points by heart. More examples help, or stopping when the validation loss is lowest.
#
# In notebook 04 the same two pictures come back, with nuclei in place of points.

# %%
for name, (_, record) in trained.items():
    training_loss, validation_loss = record.history["loss"][-1], record.history["val_loss"][-1]
    print(f"{name:12}  training loss {training_loss:.3f}  validation loss {validation_loss:.3f}")

# %%
lesson.what_is_wrong

# %% [markdown] tags=["instructor"]
# **For teachers.** Ask for a show of hands before the figure of section 4: which curve is best? Most choose the one
# with 128 neurons, because it comes closest to the points. Then ask what they would bet on for the white points. With
# 96 measurements in place of 24 the network with 128 neurons gains most; let a quick group try it.

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
# Compute one place yourself. The brightest pixel, the 9, lies in row 3, column 4. (Rows and columns are counted from
# 0.)

# %%
lesson.by_hand

# %% [markdown]
# **Exercise 3: a convolution.** Now for all places. The function takes an image and a kernel of 3 × 3, and returns an
# array as large as the image. Where the kernel reaches beyond the border, the image counts as 0.


# %% exercise="convolution"
def convolve(image, kernel):
    """What the kernel answers at each place; outside the image there are zeros."""
    ...


# %%
lesson.convolution.check(convolve)

# %%
convolve_all = choose_answer(lesson.convolution, convolve)
answer = np.asarray(convolve_all(image, kernel))

# %%
figures.plot_convolution(image, kernel, answer, place=(3, 4))

# %% [markdown]
# **What to see.** In the middle of the nucleus the answer is 2 · 9 + 4 · 4 = 34: twice the middle, once each of its
# four neighbours, and the corners not at all. At the speck it is only 6. This kernel answers strongly to round bright
# things. In a network nobody chooses the weights: they are learned, like slope and start of the line.
#
# Does Keras compute the same? It always takes several images at once, a *batch*; ours is a batch of one. The difference
# should be 0.

# %%
images = image[None, :, :, None].astype("float32")  # (batch, y, x, channel)
kernels = kernel[:, :, None, None].astype("float32")  # (y, x, channel in, channel out)
by_keras = keras.ops.conv(images, kernels, padding="same")
difference = np.abs(keras.ops.convert_to_numpy(by_keras)[0, :, :, 0] - answer).max()
print(f"largest difference between this convolution and that of Keras: {difference:g}")

# %% [markdown]
# **Exercise 4: another kernel.** Find nine numbers that answer most strongly at the *left edge* of a nucleus, where it
# is dark on the left and bright on the right. Where everything is evenly bright, they should answer with 0. Write them
# as three rows of three numbers: `[[…, …, …], […, …, …], […, …, …]]`.

# %% exercise="edge"
edge_kernel = ...

# %%
lesson.edge.check(edge_kernel)

# %% [markdown]
# Here is what it does with our image. (As long as there is no right answer, you see the kernel from above again.)

# %%
chosen_kernel = np.asarray(choose_answer(lesson.edge, edge_kernel, lambda: kernel))
figures.plot_convolution(image, chosen_kernel, lesson.convolve(image, chosen_kernel), place=(3, 3))

# %% [markdown]
# **What to see.** With a kernel for left edges the answer is large along the left side of the nucleus, and below 0
# along the right side. In its first layer a network learns many such kernels: for edges, for spots, for stripes.

# %% [markdown]
# ## 7. What a U-Net does
#
# One convolution sees 3 × 3 pixels. Whether a bright spot is a nucleus or debris can only be told from its
# surroundings. So the U-Net makes the image smaller, convolves, and makes it smaller again: in a small image 3 × 3
# pixels are a large neighbourhood. Then it makes the image larger again. At each size it puts what it had before beside
# it (orange), so that it does not forget where things are.
#
# At each layer many kernels work side by side. Each gives an image of its own, called a *channel* of the layer. (These
# are not the channels of the microscope.)

# %%
settings = NetworkSettings()
network = build_position_network(settings)
wanted = ("conv", "concatenate", "dots")
layers = [layer for layer in network.layers if layer.name.startswith(wanted)]
looking = keras.Model(network.inputs, [layer.output for layer in layers])
patch = np.zeros((1, *settings.patch_shape_zyx, 3), "float32")
shapes = [
    (layer.name, tuple(passed_on.shape[1:])) for layer, passed_on in zip(layers, looking([patch]))
]

# %%
figures.plot_u_net(shapes)

# %% [markdown]
# **What to see.** A patch has 48 rows. The first layer halves them at once, so the first box has 24. From left to right
# the image shrinks to 6 rows and grows to 48 again: a U. Where it is small, it has many channels: many answers to "what
# is here?". The last box has one channel. A last curve, the *sigmoid*, brings each number between 0 and 1: the
# probability that here is the centre of a nucleus.

# %%
print(f"{network.count_params():,} numbers are learned. The line had 2.")

# %% [markdown]
# How large is the neighbourhood that decides about one voxel? Change one voxel of the input, and see how far away the
# answer changes. This is the *field of view* (or *receptive field*). It should be larger than a nucleus.

# %%
field_of_view = measure_field_of_view(network)
field_um = np.array(field_of_view) * settings.spacing_um  # µm per voxel, z, y, x
print("field of view (z, y, x):", field_of_view, "voxels, or", field_um.round(), "µm")
print("A nucleus is about 8 µm wide.")

# %% [markdown]
# (Voxels are larger than in notebook 00: before the network sees a movie, the kit rescales it to 2 × 1 × 1 µm.)

# %%
lesson.why_smaller

# %% [markdown]
# ## 8. The three networks
#
# All three begin with convolutions. They differ in what they are shown and in how they end.
#
# - The *position network* answers for each voxel. So it has to make the image large again.
# - The *division network* answers once. It stays small, and ends with neurons as in section 4.
# - The *link network* is shown two patches, one around each nucleus. It looks at both with the same kernels, and is
#   also given the displacement from one to the other, in z, y and x.

# %%
for name in ("position", "division", "link"):
    one = build_network(make_settings(name))
    shown = " and ".join(str(tuple(each.shape[1:])) for each in one.inputs)
    print(f"{name:9} {one.count_params():>9,} numbers are learned; it is shown {shown}")

# %% [markdown]
# **What to see.** The first three numbers in brackets are planes, rows and columns; `None` means that any number will
# do. The last one counts what is known about each voxel: its brightness at three time points, or, for the link network,
# at two, and how far it is from the other nucleus in z, y and x.
#
# Notebook 04 trains the first, 05 the second, 06 the third.

# %% [markdown]
# ## Summary
#
# - Learning is: measure how wrong you are (loss), change all weights a little so that it falls, repeat.
# - A neuron is a line. Many neurons, with curves in between, can follow almost any curve. Convolutions are neurons that
#   look at a small neighbourhood and are moved over the image. A U-Net is convolutions at several sizes.
# - Points that are kept back show whether a network has understood or only memorised.
#
# Next: 02, check annotations. A network learns whatever is marked, mistakes included.
