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
#     minutes_teach: 60
#     minutes_do: 110
#     minutes_cpu: 12
#     minutes_gpu: 5
# ---

# %% [markdown]
# # 04 · Train a position network: where are the nucleus centres?
#
# **You train the network that finds nuclei, on a laptop, in minutes:** you look at what goes in, build target, loss and
# score by hand, train, stop and resume, read the curves, judge honestly, and train a network further for a real
# organoid.
#
# *Goals.* Afterwards you can
# - go through the seven steps of a training, which are the same for all three networks,
# - say what target and loss are, and build both,
# - estimate time and memory before you begin, and train, stop and resume,
# - recognise under- and overfitting in the curves,
# - read the network's code, and train a network that you have changed,
# - choose a threshold on validation movies, and score on a test movie, next to a method that does not learn,
# - fine-tune a network with few annotations.
#
# *You need* notebooks 00 to 03.
#
# *Time.* To teach: 60 minutes. To do: 110 minutes. The computer works for 12 of them on a processor (CPU), for 5 on a
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

# %%
import dataclasses
import inspect

import keras
import numpy as np
from IPython.display import Code
from scipy.ndimage import maximum_filter

# %%
from organoid_kit import (
    base,
    data,
    evaluation,
    make_settings,
    networks,
    plots,
    predict_positions,
    read_dataset,
    score_positions,
    train,
)

# %%
from organoid_kit.course import (
    add_result,
    figures,
    overfit_one_patch,
    overfit_one_time_point,
    read_results,
)
from organoid_kit.course.lessons import notebook_04 as lesson
from organoid_kit.dashboards import EpochExplorer, ThresholdExplorer, TrainingDashboard
from organoid_kit.examples import PositionExamples, PreparedMovies, compute_voxel_weights
from organoid_kit.prediction import choose_threshold, judge_run, predict_heat
from organoid_kit.training import compare_runs, estimate_training

# %% [markdown]
# Numbers to change. To train on your own movies, name your own `.autlist` files: lists of movies with their
# annotations, as OrganoidTracker writes them.

# %% tags=["parameters"]
training_list = None  # for example "my_movies/training.autlist"; None: the bundled movies
validation_list = None
test_list = None
channels = (2, 3)  # which channels show nuclei, counted from 1
epochs = 10
patches_per_time_point = 8
ladder_steps = 150  # for each of the two easy tasks
small_epochs = 20  # of the small trainings: under- and overfitting, changed networks
small_patches = 2  # from each time point, in an epoch of these
fine_tuning_minutes = 3.0  # at most
real_organoid = None  # a folder that has the real organoid already; None: download it
output_folder = "runs"

# %% [markdown]
# ## The seven steps
#
# This notebook and the next two go through the same seven steps:
#
# 1. Look at the data
# 2. See the examples
# 3. Choose settings and see what it will cost
# 4. Train
# 5. Read the curves
# 6. Judge on held-out data, against the baseline
# 7. Use it, and keep it
#
# Here you are guided through each. In notebook 05 some calls are left to you. In 06 you are on your own.

# %% [markdown] tags=["instructor"]
# **For teachers.** Show live: steps 2, 5 and the threshold of step 6. Let them do: the four exercises, in pairs, and
# the long training of step 4 while you talk about step 5 at the board. If time is short, set `epochs = 3` and leave out
# the real organoid: it needs the internet.
#
# Plan of 60 minutes: steps 1 and 2 with the exercise on the target 15, step 3 5, start step 4 and explain checkpoints
# 5, step 5 10, step 6 with its exercises 20, step 7 5. The exercise on the loss is homework.

# %% [markdown]
# ## 1. Look at the data
#
# *Where are the nucleus centres?* Somebody marked them in two movies. We want the computer to mark them in movies that
# nobody annotated.

# %%
samples = data.downloads.find_samples()
training = read_dataset(training_list or samples / "training.autlist")
validation = read_dataset(validation_list or samples / "validation.autlist")
test = read_dataset(test_list or samples / "test.autlist")
print(*(one.movie for one in training + validation + test), sep="\n")

# %% [markdown]
# Three kinds of movies, and they must never mix:
# - **training**: the network learns from them,
# - **validation**: they tell us during training how it does on other movies; we use them to decide when to stop
#   (*early stopping*),
# - **test**: scored once, at the very end. Their score is the one to believe.

# %%
movie, annotations = training[0].movie, training[0].annotations
time_point = movie.time_points[0]
stack = movie.stack(time_point, channels)
here = annotations.positions_at(time_point)
plots.plot_stack(stack, movie.spacing_um, positions=here, view="orthogonal")

# %% [markdown]
# **What to see.** The first time point, in slices from above and from two sides. Filled marks lie in the slice, faint
# rings in other planes. Do filled marks sit in the middle of nuclei, from the side as well? If not, notebook 02 says
# what to do.

# %% [markdown]
# ## 2. See the examples
#
# In goes a *patch*, a small piece of the stack, with three time points: before, now, after. Out comes a patch of the
# same size with a probability for each voxel. A nucleus moves little from one time point to the next, while noise does
# not persist: so three time points show more than one.
#
# Several patches go through the network together, a *batch*. The kit first rescales all movies to one spacing: a voxel
# then measures 2 × 1 × 1 µm (z, y, x). A patch of 16 × 48 × 48 voxels is thus 32 × 48 × 48 µm large.

# %%
examples = PositionExamples(training, make_settings("position", channels=channels))
network = networks.build_position_network(examples.settings)
print("in:  (batch, z, y, x, time points) =", network.input_shape, "  None: any number")
print("out: (batch, z, y, x, probability) =", network.output_shape)

# %%
batch = examples.examples(epoch=0, step=0, batch_size=4)
fullest = max(batch, key=lambda example: example.target.sum())
plots.plot_example(fullest, examples.settings)

# %% [markdown]
# **What to see.** On the left what goes in, in the middle what should come out: the *target*. Do the dots lie on the
# nuclei? If not, stop here: a network that is shown nonsense learns nonsense. The patch is turned and varied, see
# notebook 03. It looks coarser than there, because voxels are larger. On the right, white shows where the answer
# counts.

# %% [markdown]
# **Exercise 1: a target by hand.** At each nucleus centre the target has a dot. A voxel at the distance *d* (in µm)
# from the centre has the value exp(−*d*² / (2 · *sigma*²)): 1 in the middle, and less and less around it. Voxels are
# not cubes. So first turn voxels into µm, along each axis with its own spacing.
#
# `positions` has one row (z, y, x) in voxels for each nucleus. Give back an array of the shape `shape_zyx`.


# %% exercise="target"
def draw_target(positions, shape_zyx, spacing_um, sigma_um):
    # 1. begin with zeros of this shape
    # 2. for each position: how far is each voxel from it, in µm, along z, y and x?
    # 3. the dot, by the formula above
    # 4. where dots meet, keep the higher value
    ...


# %%
lesson.target.check(draw_target)

# %% [markdown]
# Not yet right? Write `.hint()` in place of `.check(draw_target)`, and run that cell again and again; if nothing else
# helps, use `.solution()`.

# %% [markdown]
# **Exercise 2: a loss by hand.** The loss says how wrong an answer is. For one voxel with target *t* and probability
# *p* it is −(*t* · log *p* + (1 − *t*) · log(1 − *p*)), called *cross-entropy*: close to 0 if *p* is close to *t*,
# large for a sure mistake. The loss of a patch is the mean over its voxels. But each voxel has a *weight*: its loss
# is multiplied by it before the mean is taken.


# %% exercise="loss"
def find_weighted_loss(target, prediction, weights):
    # all three are arrays of the same shape; the result is one number
    ...


# %%
lesson.loss.check(find_weighted_loss)

# %% [markdown]
# What are the weights for? **Predict before you run the cell after next:**

# %%
lesson.say_nothing

# %%
target, counts = fullest.target, fullest.counts
weights = compute_voxel_weights(target, counts)
answers = {"says nothing": np.full_like(target, 0.01), "half right": np.clip(0.5 * target, 0.01, 1)}
loss = keras.losses.BinaryCrossentropy()
for name, answer in answers.items():
    each = target[..., np.newaxis], answer[..., np.newaxis]
    print(
        f"{name}: loss {float(loss(*each)):.3f} without weights, {float(loss(*each, weights)):.3f} with weights"
    )

# %% [markdown]
# Keras computes the same loss as yours. With weights, dots and background count half each, so that it does not pay to
# say nothing.

# %% [markdown]
# ### See the network
#
# Here is the network, all of it: the function that built `network` above, and the two blocks that it is made of. A
# *convolution* (notebook 01) slides small patterns, its *filters*, over the image.

# %%
blocks = networks.blocks.convolve_factorised, networks.blocks.convolve
parts = networks.build_position_network, *blocks
Code("\n\n".join(map(inspect.getsource, parts)), language="python")

# %% [markdown]
# **Read it from top to bottom.** The numbers are those of the small network, for a patch of 16 × 48 × 48 voxels:
# 1. `images`: the patch comes in, with its three time points as *channels*.
# 2. The first `convolve` has 24 filters of 1 × 3 × 3 voxels and moves in steps of two (`strides`): 16 × 24 × 24 places
#    are left, with 24 numbers at each.
# 3. *Down*, in the first loop: `_convolve_twice` convolves in the plane, then along z, and then does both once more.
#    `MaxPooling3D` (*pooling*) keeps the highest of 2 × 2 voxels: 24 rows and columns become 12, then 6. The number of
#    filters grows: 24, 48, 96. At the bottom each place sees much of the patch, but no longer knows exactly where
#    things are.
# 4. *Up*, in the second loop: `UpSampling3D` doubles rows and columns. `Concatenate` puts beside it what was *skipped*
#    on the way down (a *skip connection*), where places were still exact. So the network knows both what and where.
# 5. `_dots`, at the end: one more filter, and a *sigmoid*, which turns any number into a probability from 0 to 1.
#
# A network of this shape is called a *U-Net*: down, and up again. Planes are never merged, because there are few of
# them.

# %% [markdown]
# ## 3. Choose settings and see what it will cost
#
# One *epoch* is one pass through all the examples, one *step* is one batch.

# %%
settings = make_settings(
    "position",
    channels=channels,
    epochs=epochs,
    patches_per_time_point=patches_per_time_point,
    output_folder=output_folder,
)
print(f"{PositionExamples(training, settings).number_per_epoch} examples an epoch")

# %% [markdown]
# **Guess first:** how many minutes will training take on your machine?

# %%
print(estimate_training(settings, training))

# %% [markdown]
# Is the *field of view*, the part of the image that the network looks at for one voxel, larger than a nucleus? If it
# were smaller, the network could not tell a whole nucleus from part of one.

# %%
field_um = np.array(networks.saving.measure_field_of_view(network)) * examples.settings.spacing_um
print("field of view (z, y, x):", field_um, "µm. A nucleus is about 8 µm wide.")

# %% [markdown]
# ### Easy tasks first
#
# Before a long training, climb a ladder. First rung: can a new network learn *one patch* by heart? It must. If it
# cannot, something is wrong: the channels, the positions, the settings. Second rung: the patches of one time point.
# Learning by heart is bad in the end, but here it shows that the network can learn at all.

# %%
first_rung = overfit_one_patch(training, settings, steps=ladder_steps)
print(first_rung.reading)
second_rung = overfit_one_time_point(training, settings, steps=ladder_steps)
print(second_rung.reading)

# %%
figures.plot_losses({rung.name: rung.history for rung in (first_rung, second_rung)}, label="loss")

# %% [markdown]
# **What to see.** Both losses fall: the network can learn. One time point has several patches, which come in turn; so
# its line may zigzag, and takes longer. If the text above says that it is not finished, set `ladder_steps` higher. The
# loss cannot reach zero, because dots have soft edges.

# %% [markdown]
# ## 4. Train
#
# Every training has a folder of its own. In it the kit saves a *checkpoint* after each epoch and every few minutes:
# everything needed to continue. A training that is stopped, by you, by Colab or by a power cut, resumes from its newest
# checkpoint. On a processor it ends with exactly the same network as one that was never stopped. (A graphics card may
# round a little differently each time.)
#
# We try it, with a time budget of a few seconds. You can also press the notebook's stop button.

# %%
run = train(training, validation, settings.changed(minutes=0.1))

# %% [markdown]
# Now we continue, with `resume` and without a budget. (This is the long cell of this notebook. Make a cup of tea.)
# After each epoch it prints a line with F1: how well nuclei are found in patches of the validation movie. Several
# thresholds are tried there, and the best one counts; so this F1 is a little too good. It serves only to compare
# epochs.

# %%
run = train(training, validation, settings, resume=run.folder)

# %% [markdown]
# **The same with buttons.** The next cell shows a dashboard: choose, press *Start*, and watch curves and an example
# while it learns; *Pause*, change the number of epochs, *Stop*, continue. It starts nothing by itself, and this
# notebook continues without it. If later cells should wait for it, write `run = await dashboard.follow()` in a cell of
# its own.

# %%
dashboard = TrainingDashboard(training, validation, settings, output_folder=output_folder)
dashboard

# %% [markdown]
# ## 5. Read the curves

# %%
plots.plot_history(run.history)

# %% [markdown]
# **What to see.** Left, both losses fall together: the network learns something that also holds for the validation
# movie. They do not have to be equal: training patches are varied, validation patches are not. Right, F1 on validation
# patches rises towards 1. The star is the epoch with the lowest validation loss; the network of that epoch is kept.
#
# What did the network know after each epoch? Move the slider. The cell after it draws the same for print.

# %%
explorer = EpochExplorer(run)
explorer

# %%
explorer.plot()

# %% [markdown]
# **What to see.** Left, the losses, with a line at the epoch that is shown: at first the one that is kept. Then one
# plane of a validation patch, what should come out, and what the network of that epoch answered. Go back to epoch 1
# (and run the cell again): dots are wide and pale, or not there. From epoch to epoch they get smaller and brighter,
# last of all where nuclei touch. (F1 may be high already: each epoch is judged at the threshold that suits it best, and
# a pale peak is a peak, too. A bright nucleus without a circle has its centre in another plane.)

# %% [markdown]
# ### Under- and overfitting, shown honestly
#
# Three short trainings on small patches, each for the same number of steps:
# - *too timid*: a learning rate more than a thousand times smaller than usual,
# - *by heart*: a single time point, and no variation,
# - *well fed*: all training movies, with variation.
#
# **Predict before you train:**

# %%
lesson.overfitting

# %% [markdown]
# To save time, the validation loss is computed only at every fourth time point of the validation movie. The next two
# cells prepare and train; while they train they print nothing.

# %%
first = training[0].annotations
one_time_point = first.select(first.time_points == first.time_points[0])
only = dataclasses.replace(training[0], annotations=one_time_point)
few = validation[0].annotations
judged_by = [dataclasses.replace(validation[0], annotations=few.select(few.time_points % 4 == 0))]
time_points = sum(len(one.annotations.annotated_time_points) for one in training)
number = small_patches * time_points  # patches in an epoch
no_variation = base.AugmentationSettings(False, None, None, None, None, None, None, None, None)
small = settings.changed(patch_shape_zyx=(8, 32, 32), epochs=small_epochs, patience=small_epochs)

# %%
few_patches = small.changed(patches_per_time_point=small_patches)
trials = {
    "too timid": (training, few_patches.changed(learning_rate=2e-6)),
    "by heart": ([only], small.changed(patches_per_time_point=number, augmentation=no_variation)),
    "well fed": (training, few_patches),
}
runs = {}
for name, (movies, chosen) in trials.items():
    runs[name] = train(movies, judged_by, chosen, on_progress=lambda progress: None)

# %%
training_losses = {name: [row["loss"] for row in each.history] for name, each in runs.items()}
validation_losses = {
    name: [row["validation_loss"] for row in each.history] for name, each in runs.items()
}
figures.plot_losses(training_losses, validation=validation_losses, label="loss", step="epoch")

# %% [markdown]
# **What to see.**
# - *Too timid* hardly falls, in training and in validation: underfitting. In notebook 01 the network was too small;
#   here its steps are. A usual learning rate helps.
# - *By heart*: the training loss falls below all others, but the validation loss stays behind it. The network knows its
#   one time point, and no other organoid. The gap between the two curves is overfitting.
# - *Well fed*: the training task is harder, so its training loss is higher. There is no gap: it has not learned
#   anything by heart, and would gain from more training, as the long one above did. *By heart* would not.
#
# To see what each of them answered, name it in place of `run` above: `EpochExplorer(runs["by heart"])`.

# %%
for name, each in runs.items():
    last = each.history[-1]
    print(
        f"{name:10} training loss {last['loss']:.3f}, validation loss {last['validation_loss']:.3f}"
    )

# %% [markdown] tags=["instructor"]
# **For teachers.** Show `EpochExplorer(runs["by heart"])` beside `EpochExplorer(runs["well fed"])`: the same example,
# the slider at the last epoch. Questions to expect:
# - *Why is the validation loss below the training loss?* Training patches are varied, validation patches are not: the
#   training task is harder.
# - *Why not train until the training loss is 0?* Dots have soft edges, so it cannot get there; and the figure above
#   shows what happens to the validation loss meanwhile.
# - *My curve differs from yours.* A different kind of processor rounds differently. What the curves say is the same.

# %% [markdown]
# ### Change the network
#
# Is this the best network for the task? Nobody knows before trying. `train` takes one of your own as `network=`: any
# Keras model that takes and gives the same shapes. (If it does not, the error says which shapes fit.) It also takes
# another loss, `loss=`, and a function of your own that varies each image on top of the usual variation, `augment=`.
#
# First another layer: we take the network apart before its last layer, and put two in its place. Then a variation:
# `darken`. Only the image goes through it, positions stay where they are. So it can change how bright things are, but
# not where they are.

# %%
usual_network = networks.build_position_network(small)
before_last = usual_network.layers[-2].output
x = keras.layers.Conv3D(24, 3, padding="same", activation="relu")(before_last)
longer = keras.Model(usual_network.input, keras.layers.Conv3D(1, 1, activation="sigmoid")(x))
print(estimate_training(small, training, network=longer, measure_time=False))


def darken(image, rng):  # image: (z, y, x, time point); rng: draws random numbers
    return image * rng.uniform(0.3, 1.0)


# %%
changes = {
    "more filters": {"network": networks.build_position_network(small, filters=(32, 64, 128))},
    "another layer": {"network": longer},
    "another loss": {"loss": "binary_focal_crossentropy"},
    "darkened": {"augment": darken},
}
for name, change in changes.items():
    runs[name] = train(
        training, judged_by, few_patches, **change, on_progress=lambda progress: None
    )
for name in ("well fed", *changes):
    print(f"{name:13} highest F1 {max(row['validation_f1'] for row in runs[name].history):.3f}")

# %% [markdown]
# **Which one is best?** All are compared with *well fed*, which was trained for as long as they were. Compare F1 and
# not losses: a different loss has different units. Then doubt what you see: one short training of each, and a
# difference of a few hundredths may be chance. Three seeds of each would tell (notebook 08 does that).
#
# Your own network is used like any other: `runs["another layer"].folder` is a run folder, from which it can be loaded,
# resumed (`resume=`) and exported. The network itself is in that folder. Of a function of your own (a loss, or
# `darken`) only the text is: to resume, pass the function again. Try it: a network with fewer filters, or a loss of
# your own, `def my_loss(targets, probabilities)`.

# %% [markdown]
# ## 6. Judge on held-out data, against the baseline
#
# The network gives a probability for each voxel. A *peak* is a voxel with a probability at least as high as everywhere
# around it. How high must a peak be to count as a nucleus? This limit is the *threshold*.
#
# **Exercise 3: find peaks.** `maximum_filter`, from SciPy, gives for each place the highest value among it and its
# neighbours. In a row of numbers these are two neighbours, in a stack 26, the diagonal ones too:

# %%
print(maximum_filter([0, 3, 1, 0, 2], size=3))

# %% [markdown]
# Which of the five numbers are peaks? (The 3 and the 2.) Now the same for a stack: `heat` holds the probability of each
# voxel. Return the peaks higher than the threshold, each as (z, y, x).


# %% exercise="peaks"
def find_tops(heat, threshold):
    # heat is (z, y, x); return an array or a list of places
    ...


# %%
lesson.peaks.check(find_tops)

# %% [markdown]
# The kit's `find_peaks` does two more things. Of two peaks closer than 3 µm it keeps the higher one. And it moves each
# peak between the voxels, to where the dot's top is.

# %%
small_heat = np.zeros((3, 7, 9))
small_heat[1, 3, 4:6] = 0.9, 0.6
places, heights = evaluation.find_peaks(
    small_heat, spacing_um=(2, 1, 1), min_distance_um=3, threshold=0.5
)
print("highest voxel (z, y, x): (1, 3, 4). Top of the dot:", places[0].round(2))

# %% [markdown]
# A low threshold finds more, but more of it is false. We choose it on the **validation** movie. On the test movie that
# would be cheating. The threshold does not have to be 0.5: the network's probabilities say where it is more sure and
# where less. They do not promise that nine out of ten peaks with 0.9 are right. On few nuclei many thresholds are as
# good as one another, and the best may be best by chance: what is printed says how wide that range is.
#
# **Guess first:** where will the highest F1 be, below or above 0.5?

# %%
choice = choose_threshold(run, validation)
network, settings = networks.saving.load_network(run.folder)
looked_at = judged_by[0]
times = looked_at.annotations.annotated_time_points.tolist()
options = {"time_points": times, "threshold": 0.05}  # nearly everything, to choose from
candidates = predict_positions(network, looked_at.movie, settings, **options)
print(choice)

# %% [markdown]
# Move the threshold yourself, and see below which nuclei get lost and which false ones appear. *Highest F1* jumps to
# the best threshold for these time points.

# %%
explorer = ThresholdExplorer(looked_at, candidates, channels=channels)
explorer.threshold.value = choice.threshold
explorer

# %%
explorer.plot()

# %% [markdown]
# **What to see.** The same curves for print. To the right, precision rises and recall falls; F1 is highest where both
# are good. Is its top flat? There the exact threshold does not matter. Is it narrow, as after a short training? Then
# another movie may need another threshold. The threshold line may be a little to one side of the top: it was chosen on
# all time points, while the curves are drawn for every fourth.

# %% [markdown]
# **Exercise 4: precision, recall and F1.** What was found and what is true are matched one to one, each found position
# with at most one true one, at most 5 µm apart. Then we count: *right* pairs, true ones *missed*, and *false* ones
# found. F1 is 2 · precision · recall / (precision + recall).


# %% exercise="scores"
def find_scores(right, missed, false):
    # three numbers: precision, recall, F1
    ...


# %%
lesson.scores.check(find_scores)

# %% [markdown]
# Now the test movie, once. We compare the network with the *baseline*, a blob detector whose size and threshold were
# chosen on the training movies, and with the network that comes with the kit. It learned from 158 invented movies, 70
# of them of organoids; on 10 other organoids it reached a precision of 0.988 and a recall of 0.991.
#
# **Guess:** which of the three is best here, and by how much?

# %%
movie, truth = test[0].movie, test[0].annotations
shipped, shipped_settings = networks.saving.load_network("position_small")
found = {
    "blob detector": evaluation.find_blobs(
        movie, **evaluation.tune_blobs(training, channels=channels)
    ),
    "trained here": predict_positions(network, movie, settings),
    "comes with the kit": predict_positions(
        shipped, movie, shipped_settings.changed(channels=channels)
    ),
}
seeds = {
    "blob detector": None,
    "trained here": settings.seed,
    "comes with the kit": shipped_settings.seed,
}

# %%
for name, positions in found.items():
    score = score_positions(truth, positions)
    scores = {"F1": score.f1, "precision": score.precision, "recall": score.recall}
    add_result(output_folder, "position", name, seeds[name], scores, tested_on=test[0].name)
    print(f"{name}: {score}")

# %% [markdown]
# Which has the highest F1? With about 450 nuclei, 0.01 of F1 is about nine mistakes: smaller differences may be chance.
# And yours is *one* training on two movies, for a few minutes. `add_result` has recorded each as a row of the *results
# table*. It grows through the course; at the end of notebook 07 you see all of it. Results from other seeds are added
# to it, so you can see how much is chance.

# %%
read_results(output_folder)

# %%
lesson.test_once

# %% [markdown]
# ### Look at its mistakes

# %%
time_point = movie.time_points[-1]
window = PreparedMovies([movie], settings).window(0, time_point)
heat = predict_heat(network, window, settings)
pair = truth.positions_at(time_point), found["trained here"].positions_at(time_point)
plots.plot_prediction(movie.stack(time_point, channels), heat, *pair, movie.spacing_um)

# %% [markdown]
# **What to see.** Rings are right, triangles missed, crosses false. Where are the mistakes: where nuclei touch, deep
# down, at debris, at dividing cells? Mistakes that have a pattern can be fixed, by annotating just such places.

# %%
score = score_positions(truth, found["trained here"])
plots.curves.plot_depth_scores(score)

# %% [markdown]
# **What to see.** Is the network worse deep in the tissue, where there is less light? Bars show how many nuclei each
# score is based on: a bad score based on three nuclei means little.

# %%
plots.curves.plot_time_scores(score)

# %% [markdown]
# **What to see.** Later time points have more nuclei, and more crowded ones. If scores fall with time, crowding is the
# problem.

# %% [markdown] tags=["instructor"]
# **For teachers.** On these movies the blob detector is hard to beat: they are invented, and nuclei stand out from a
# dark background. Say so before a learner finds out, and ask when a blob detector fails (touching nuclei, texture,
# debris, uneven light). Expect trouble: somebody tunes the threshold on the test movie. That is the moment for the
# question above.

# %% [markdown]
# ## 7. Use it, and keep it
#
# The network is in its *run folder*, with its settings and its threshold. A new training always gets a new folder. A
# table compares all your runs. Do not compare the three short trainings with the long one: they were judged on other
# patches.

# %%
print(compare_runs(output_folder))
print("the network:", run.network_folder)

# %% [markdown]
# ### A real organoid
#
# So far everything was invented. Now a real organoid: three time points from a light-sheet microscope, annotated by its
# authors. We take the network that comes with the kit. It has never seen a real image either. Instead of training from
# scratch, we *fine-tune* (one kind of *transfer learning*): we train it a little further, on a single annotated time
# point, with a low learning rate so that it does not forget what it knows.
#
# The organoid is downloaded (11 MB). **No internet on this machine?** Then the cells below say so and do nothing; our
# own numbers are at the end of this section. Or, on another computer, take the three files `P4_Ch1-T0322.tif` to
# `P4_Ch1-T0324.tif` (they are in `Channel1`) and `mamut_deconv.xml` from
# [LSTree](https://github.com/fmi-basel/LSTree/tree/1e43a58c376e03ea634bb0ea8145153ab9acda4b/example/data/003-Enterocyst).
# Put the three into a folder `images`, and `mamut_deconv.xml` next to that folder. Then write the name of the folder
# that holds both into `real_organoid` at the top.

# %%
try:
    folder = real_organoid or data.downloads.download_real_organoid("data/real_organoid")
    real = data.downloads.read_real_organoid(folder)
    print(
        data.downloads.REAL_ORGANOID_CREDIT,
        real.movie,
        f"{len(real.annotations)} positions",
        sep="\n",
    )
except base.UserError as problem:
    real = None
    print(f"This section is left out. {problem}")

# %%
first, *others = real.movie.time_points if real else (None,)
if real:
    stack = real.movie.stack(first)
    here = real.annotations.positions_at(first)
    is_first = real.annotations.time_points == first
    to_learn_from = dataclasses.replace(real, annotations=real.annotations.select(is_first))
    to_judge_by = real.annotations.select(~is_first)

# %%
plots.plot_stack(stack, real.movie.spacing_um, positions=here, view="orthogonal") if real else None

# %% [markdown]
# **What to see.** A small organoid in a large stack, from above and from two sides. Planes lie 2 µm apart, so from the
# side the nuclei look coarse. The kit rescales the image to the spacing that the network knows.
#
# **Guess:** how good is the network before it has seen a single real nucleus?

# %%
start = "position_small"  # the network that comes with the kit
if real:
    network, settings = networks.saving.load_network(start)
    settings = settings.changed(channels=(1,))
    before = predict_positions(network, real.movie, settings, time_points=others)
    print("before fine-tuning:", score_positions(to_judge_by, before))

# %% [markdown]
# Now a minute or two of training on the first time point. The other two are kept back to judge by. So nothing is left
# for validation: "validation loss" here is the training loss, and the threshold, too, is chosen on the first time
# point (`judge_run`). That is not ideal, but fair: neither looks at the positions that we judge by.

# %%
if real:
    options = {"epochs": 12, "patches_per_time_point": 32, "minutes": fine_tuning_minutes}
    gentle = networks.make_fine_tuning_settings(
        start, channels=(1,), output_folder=output_folder, **options
    )
    tuned = train([to_learn_from], [], gentle)
    print(judge_run(tuned, [to_learn_from], []))
    network, settings = networks.saving.load_network(tuned.folder)
    after = predict_positions(network, real.movie, settings, time_points=others)
    print("before fine-tuning:", score_positions(to_judge_by, before))
    print("after fine-tuning: ", score_positions(to_judge_by, after))

# %%
for name, found_there in (("comes with the kit", before), ("fine-tuned", after)) if real else ():
    score = score_positions(to_judge_by, found_there)
    scores = {"F1": score.f1, "precision": score.precision, "recall": score.recall}
    add_result(output_folder, "position", name, settings.seed, scores, tested_on="real organoid")

# %%
if real:
    last = others[-1]
    stack = real.movie.stack(last)
    pair = to_judge_by.positions_at(last), after.positions_at(last)
    region = to_judge_by.annotated_region(last)
plots.plot_prediction(stack, None, *pair, real.movie.spacing_um, region=region) if real else None

# %% [markdown]
# **What to see.** The last time point, two time points after the one that was learned from. *Ignored*, in the line
# above, counts positions found where nobody annotated.
#
# We did the same with three seeds (`benchmarks/real_organoid.py`): F1 was 0.927 before and 0.968 after. A blob detector
# tuned on the first time point got 0.981. Yours may differ by a few hundredths: there are only about fifty nuclei to
# judge by, and one mistake costs about 0.01.
#
# Be careful with such a number. These are the same cells a little later, and because the network sees three time points
# at once, it has seen the image of the second one too, though not its positions. So the number is more optimistic than
# one for another organoid would be. To know that, annotate part of another one.

# %% [markdown]
# ## Summary
#
# - Seven steps: data, examples, settings, train, curves, judge, keep.
# - A target is dots, the loss compares with it voxel by voxel, a peak above the threshold is a nucleus.
# - Look at examples before you train. Climb the ladder: one patch, one time point, everything.
# - Watch both losses. Both high: underfitting. Far apart: overfitting.
# - Threshold from validation, score from test, with a simple method for comparison.
# - Few annotations? Fine-tune a network that was trained before.

# %%
lesson.no_recall

# %% [markdown]
# ### To try, without a checker
# 1. Train with `channels = (2,)`. What happens to recall, and why?
# 2. Leave out one of the two training movies: `training = training[:1]` after they are read. How much does F1 on
#    validation patches, which each epoch prints, fall? (The test movie is scored once, and that is done.)
# 3. Switch all variation off for the long training: `settings = settings.changed(augmentation=no_variation)`, with
#    `no_variation` as in step 5. Look at the gap between the two losses.
# 4. Annotate a cuboid of one time point of a movie of your own, and fine-tune on it as in step 7.
#
# <details><summary><b>Am I right?</b> (Click for answers.)</summary>
#
# 1. Recall falls: nuclei in S, G2 and M shine in channel 3 only (notebook 00). A network cannot find what it is not
#    shown.
# 2. No one can tell you the number. But first find out how much F1 changes by chance: train twice on both movies, with
#    `settings.changed(seed=2)` the second time. Only a larger fall counts.
# 3. Expect the training loss to fall lower and the validation loss to follow less far, as in *by heart*. With two
#    movies the gap is smaller than there.
# 4. Annotate a second cuboid, ideally in another movie, and do not train on it. Score before and after. If F1 rises
#    there, you did well. Ten nuclei tell you little, fifty tell you more.
# </details>
#
# What wrong annotations cost, and what few annotations cost, has been measured: see notebooks 08 and 09.
#
# Next: [05 · Train a division network](05_train_division_network.ipynb), the same seven steps, with fewer words.
