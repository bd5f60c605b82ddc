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
#     minutes_do: 100
#     minutes_cpu: 10
#     minutes_gpu: 5
# ---

# %% [markdown]
# # 04 · Train a position network: where are the nucleus centres?
#
# **You train the network that finds nuclei, on a laptop, in minutes.**
#
# *Goals.* Afterwards you can
# - go through the seven steps of a training, the same for all three networks,
# - build a target and a loss,
# - estimate the cost; train, stop and resume,
# - recognise under- and overfitting,
# - read the network's code,
# - choose a threshold, and score on a test movie,
# - fine-tune with few annotations.
#
# *You need* notebooks 00 to 03.
#
# *Time.* To teach: 60 minutes. To do: 100 minutes. The computer works for 10 of them on a processor (CPU), for 5 on a
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
# **From memory:** 1. What is the loss? 2. Which data show overfitting? 3. Why do we vary examples?
#
# <details><summary>Answers</summary>
#
# 1. One number: how wrong the network is. 2. Those kept back: their loss stays high. 3. So that few examples go far.
# </details>

# %%
import dataclasses
import inspect

import keras
import numpy as np
from IPython.display import Code
from scipy.ndimage import maximum_filter  # noqa: F401, for exercise 3

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
    measured,
    overfit_one_patch,
    overfit_one_time_point,
    read_demonstration,
    read_results,
)
from organoid_kit.course.lessons import notebook_04 as lesson
from organoid_kit.dashboards import EpochExplorer, ThresholdExplorer, TrainingDashboard
from organoid_kit.examples import PositionExamples, PreparedMovies, compute_voxel_weights
from organoid_kit.prediction import choose_threshold, judge_run, predict_heat
from organoid_kit.training import compare_runs, estimate_training

# %% [markdown]
# You can change these numbers. For your own movies, name your `.autlist` files: lists of movies with their annotations,
# as OrganoidTracker writes them.

# %% tags=["parameters"]
training_list = None  # for example "my_movies/training.autlist"; None: the bundled movies
validation_list = None
test_list = None
channels = (2, 3)  # which channels show nuclei, counted from 1
epochs = 10
patches_per_time_point = 8
ladder_steps = 150  # for each of the two easy tasks
small_epochs = 20  # of the small trainings: under- and overfitting
small_patches = 2  # from each time point, in an epoch of these
fine_tuning_minutes = 3.0  # at most
real_organoid = None  # a folder that has the real organoid already; None: download it
output_folder = "runs"

# %% [markdown]
# ## The seven steps
#
# Data, examples, settings, training, curves, judging, keeping: this notebook and the next two go through the same seven
# steps. Here you are guided through each. In 05 some calls are left to you; in 06 you are on your own.

# %% [markdown] tags=["instructor"]
# **For teachers.** Show live: steps 2, 5 and the threshold of step 6. Let them do: the three exercises, in pairs, and
# the long training of step 4 while you talk about step 5 at the board. If time is short, set `epochs = 3` and leave out
# the real organoid: it needs the internet.
#
# Plan of 60 minutes: steps 1 and 2 with the exercise on the target 15, step 3 5, start step 4 and explain checkpoints
# 5, step 5 10, step 6 with its exercise 20, step 7 5. The exercise on the loss is homework.

# %% [markdown]
# ## 1. Look at the data
#
# Two movies are annotated. We want the computer to annotate others.

# %%
samples = data.downloads.find_samples()
training = read_dataset(training_list or samples / "training.autlist")
validation = read_dataset(validation_list or samples / "validation.autlist")
test = read_dataset(test_list or samples / "test.autlist")
print(*(one.movie for one in training + validation + test), sep="\n")

# %% [markdown]
# Three kinds of movies, and they must never mix:
# - **training**: the network learns from them,
# - **validation**: during training they show when to stop (*early stopping*),
# - **test**: scored once, at the end. Believe this score.

# %%
movie, annotations = training[0].movie, training[0].annotations
time_point = movie.time_points[0]
stack = movie.stack(time_point, channels)
here = annotations.positions_at(time_point)
plots.plot_stack(stack, movie.spacing_um, positions=here, view="orthogonal")

# %% [markdown]
# **What to see.** The first time point, from above and from two sides. Do filled marks sit in the middle of nuclei,
# from the side as well? (Faint rings lie in other planes.) If not, see notebook 02.

# %% [markdown]
# ## 2. See the examples
#
# In goes a *patch*, a small piece of the stack, at three time points: before, now, after. (Nuclei persist, noise does
# not.) Out comes a probability for each voxel. Several patches go through the network together, a *batch*.
#
# The kit first rescales all movies, so that a voxel measures 2 × 1 × 1 µm (z, y, x).

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
# nuclei? If not, stop here: a network that is shown nonsense learns nonsense. On the right, white shows where the
# answer counts.

# %% [markdown]
# **Exercise 1: a target by hand.** At each nucleus centre the target has a dot. A voxel at the distance *d* (in µm)
# from the centre has the value exp(−*d*² / (2 · *sigma*²)). Voxels are not cubes, so first turn them into µm, each axis
# by its own spacing.
#
# `positions` has one row (z, y, x) in voxels for each nucleus. Return an array of the shape `shape_zyx`.


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
# Stuck? In place of `.check(draw_target)` write `.puzzle()` (its lines, shuffled), `.hint()` or `.solution()`.
#
# **Exercise 2: a loss by hand.** (Skip it if formulas are not for you: nothing later depends on it.) For one voxel with
# target *t* and probability *p* the loss is −(*t* · log *p* + (1 − *t*) · log(1 − *p*)), called *cross-entropy*.
# Multiply the loss of each voxel by its *weight*, then take the mean over the patch.


# %% exercise="loss"
def find_weighted_loss(target, prediction, weights):
    # all three are arrays of the same shape; the result is one number
    ...


# %%
lesson.loss.check(find_weighted_loss)

# %% [markdown]
# What are the weights for? **Predict before you look:**

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
# With weights, all dots together count as much as all the background: saying nothing does not pay.

# %% [markdown]
# ### See the network
#
# *Skip this if you only want to use the network.* Here is all of it: the function that built `network`, and its blocks.

# %%
blocks = networks.blocks.convolve_factorised, networks.blocks.convolve
parts = networks.build_position_network, *blocks
Code("\n\n".join(map(inspect.getsource, parts)), language="python")

# %% [markdown]
# **Read it from top to bottom.**
# 1. The first `convolve` has 24 filters (small patterns, notebook 01) and moves in steps of two (`strides`): of 48 rows
#    24 are left, with 24 numbers at each place.
# 2. *Down*: each round convolves in the plane and along z, twice. `MaxPooling3D` (*pooling*) keeps the highest of 2 × 2
#    voxels: 24 rows become 12, then 6, while filters grow from 24 to 96. There each place sees much of the patch, but
#    no longer knows exactly where things are.
# 3. *Up*: `UpSampling3D` doubles rows and columns. `Concatenate` puts beside them what was *skipped* on the way down (a
#    *skip connection*), where places were still exact. Now the network knows what, and where.
# 4. `_dots`: one more filter, and a *sigmoid*, which turns any number into a probability.
#
# Down, and up again: such a network is called a *U-Net*.

# %% [markdown]
# ## 3. Choose settings and see what it will cost
#
# One *epoch* is one pass through all the examples, one *step* is one batch. **Guess first:** how many minutes will
# training take on your machine?

# %%
settings = make_settings(
    "position",
    channels=channels,
    epochs=epochs,
    patches_per_time_point=patches_per_time_point,
    output_folder=output_folder,
)
print(f"{PositionExamples(training, settings).number_per_epoch} examples an epoch")
print(estimate_training(settings, training))

# %% [markdown]
# ### Easy tasks first
#
# Before a long training, climb a ladder. First rung: can the network learn *one patch* by heart? If not, something is
# wrong: the channels, the positions, the settings. Second rung: one time point. (Learning by heart is bad in the end;
# here it shows that the network can learn at all.)

# %%
first_rung = overfit_one_patch(training, settings, steps=ladder_steps)
print(first_rung.reading)
second_rung = overfit_one_time_point(training, settings, steps=ladder_steps)
print(second_rung.reading)

# %%
figures.plot_losses({rung.name: rung.history for rung in (first_rung, second_rung)}, label="loss")

# %% [markdown]
# **What to see.** Both losses fall: the network can learn. With one time point the line may zigzag, and takes longer.
# The loss cannot reach zero, because dots have soft edges.

# %% [markdown]
# ## 4. Train
#
# After each epoch and every few minutes the kit saves a *checkpoint*. A training stopped by you, by Colab or by a power
# cut resumes from it, and on a processor ends with exactly the same network. Let's try: a budget of a few seconds.

# %%
run = train(training, validation, settings.changed(minutes=0.1))

# %% [markdown]
# Now we resume without a budget; it takes long. Each epoch prints F1 on validation patches, at the threshold that
# suits it best: a little too good, but right for comparing epochs.

# %%
run = train(training, validation, settings, resume=run.folder)

# %% [markdown]
# **The same with buttons.** Choose, press *Start*, and watch it learn. If later cells should wait for it, write
# `run = await dashboard.follow()` in a cell of its own.

# %%
dashboard = TrainingDashboard(training, validation, settings, output_folder=output_folder)
dashboard

# %% [markdown]
# ## 5. Read the curves

# %%
plots.plot_history(run.history)

# %% [markdown]
# **What to see.** Left, both losses fall together: what the network learns also holds for the validation movie. Right,
# F1 rises towards 1. The star is the epoch with the lowest validation loss; its network is kept.
#
# What did the network know after each epoch? Move the slider.

# %%
explorer = EpochExplorer(run)
explorer

# %%
explorer.plot()

# %% [markdown]
# **What to see.** One plane of a validation patch, what should come out, and what that epoch's network answered. Go
# back to epoch 1: dots are wide and pale, or not there. From epoch to epoch they get smaller and brighter, last of all
# where nuclei touch.

# %% [markdown]
# ### Under- and overfitting, shown honestly
#
# Three short trainings, with equally many steps:
# - *too timid*: a learning rate more than a thousand times smaller than usual,
# - *by heart*: one corner with a handful of nuclei, at one time point, and no variation,
# - *well fed*: all training movies, with variation.
#
# **Predict before you train:**

# %%
lesson.overfitting

# %% [markdown]
# To save time, the validation loss is that of every fourth time point.

# %%
first = training[0].annotations
here = first.select(first.time_points == first.time_points[0])
um = here.positions * here.spacing_um
near = here.positions[np.argsort(np.linalg.norm(um - um[0], axis=1))[:4]]
margin = 3.5 / np.array(here.spacing_um)  # 3.5 µm
low, high = np.maximum(near.min(axis=0) - margin, 0), near.max(axis=0) + margin
inside = ((here.positions >= low) & (here.positions <= high)).all(axis=1)
corner = dataclasses.replace(here.select(inside), region=np.array([low, high]))
only = dataclasses.replace(training[0], annotations=corner)
print(f"by heart: {len(corner)} nuclei; well fed: {sum(len(one.annotations) for one in training)}")
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
    last = runs[name].history[-1]
    losses = f"training loss {last['loss']:.3f}, validation loss {last['validation_loss']:.3f}"
    print(f"{name:10} {losses}")

# %%
training_losses = {name: [row["loss"] for row in each.history] for name, each in runs.items()}
validation_losses = {
    name: [row["validation_loss"] for row in each.history] for name, each in runs.items()
}
figures.plot_losses(training_losses, validation=validation_losses, label="loss", step="epoch")

# %% [markdown]
# **What to see.**
# - *Too timid* hardly falls: underfitting. In notebook 01 the network was too small; here its steps are.
# - *By heart*: the training loss falls below all others, but the validation loss (dashed) soon stops falling, and ends
#   far above. It knows its few nuclei, and no others. The gap between its two curves is overfitting.
# - *Well fed*: its task is harder, so its training loss is higher. But there is no gap, and both still fall: more
#   training would help, as above. *By heart* would gain nothing.

# %% [markdown] tags=["instructor"]
# **For teachers.** Show `EpochExplorer(runs["by heart"])` beside `EpochExplorer(runs["well fed"])`: the same example,
# the slider at the last epoch. Questions to expect:
# - *Why is the validation loss below the training loss?* Training patches are varied, validation patches are not: the
#   training task is harder.
# - *Why not train until the training loss is 0?* Dots have soft edges, so it cannot get there; and the figure above
#   shows what happens to the validation loss meanwhile.
# - *My curve differs from yours.* A different kind of processor rounds differently. What the curves say is the same.

# %% [markdown]
# ## 6. Judge on held-out data, against the baseline
#
# A *peak* is a voxel with a probability at least as high as everywhere around it. It counts as a nucleus if it is above
# the *threshold*.
#
# **Exercise 3: find peaks.** `maximum_filter(heat, size=3)`, from SciPy, gives for each voxel the highest value among
# it and its 26 neighbours. Return the peaks of `heat` higher than the threshold, each as (z, y, x).


# %% exercise="peaks"
def find_tops(heat, threshold):
    # heat is (z, y, x); return an array or a list of places
    ...


# %%
lesson.peaks.check(find_tops)

# %% [markdown]
# Of two peaks within 3 µm, the kit keeps the higher one.
#
# A low threshold finds more, but more of it is false. We choose it on the **validation** movie; on the test movie that
# would be cheating. **Guess first:** where will the highest F1 be, below or above 0.5?

# %%
choice = choose_threshold(run, validation)
network, settings = networks.saving.load_network(run.folder)
looked_at = judged_by[0]
times = looked_at.annotations.annotated_time_points.tolist()
options = {"time_points": times, "threshold": 0.05}  # nearly everything, to choose from
candidates = predict_positions(network, looked_at.movie, settings, **options)
print(choice)

# %% [markdown]
# Move the threshold, and see which nuclei get lost and which false ones appear.

# %%
explorer = ThresholdExplorer(looked_at, candidates, channels=channels)
explorer.threshold.value = choice.threshold
explorer

# %%
explorer.plot()

# %% [markdown]
# **What to see.** To the right, precision rises and recall falls; F1 (2 · precision · recall / (precision + recall)) is
# highest where both are good. Is its top flat? Then the exact threshold does not matter. Narrow? Then another movie may
# need another one.

# %% [markdown]
# Now the test movie, once. We compare three: a *baseline* that does not learn (a blob detector, its size and threshold
# chosen on the training movies), the network trained here, and the one that comes with the kit. **Guess:** which is
# best, and by how much?

# %%
movie, truth = test[0].movie, test[0].annotations
shipped, shipped_settings = networks.saving.load_network("position_small")
tuned_blobs = evaluation.tune_blobs(training, channels=channels)
shipped_settings = shipped_settings.changed(channels=channels)
found = {
    "blob detector": (None, evaluation.find_blobs(movie, **tuned_blobs)),
    "trained here": (settings.seed, predict_positions(network, movie, settings)),
    "comes with the kit": (
        shipped_settings.seed,
        predict_positions(shipped, movie, shipped_settings),
    ),
}
for name, (seed, positions) in found.items():
    score = score_positions(truth, positions)
    scores = {"F1": score.f1, "precision": score.precision, "recall": score.recall}
    add_result(output_folder, "position", name, seed, scores, tested_on=test[0].name)
    print(f"{name}: {score}")

# %% [markdown]
# With about 450 nuclei, 0.01 of F1 is about nine mistakes: smaller differences may be chance. Each is now a row of the
# *results table*, which grows through the course.

# %%
read_results(output_folder)

# %% [markdown]
# ### Five microscopes
#
# Was it worth it? Here nuclei are bright, and the blob detector was tuned on this very microscope. So each way got
# **one** setting from five microscopes (blur, noise, voxels and nuclei differ), and had to find the nuclei of **five
# others**. This was measured before, three times. **Guess:** who loses most?

# %%
five, folder = read_demonstration("five_microscopes"), f"{output_folder}/five_microscopes"
print(f"Command: {five['command']}; {five['date']}.")
for row in five["records"]:
    score = {"F1": row["f1"]}
    add_result(folder, "position", row["way"], row["seed"], score, tested_on="five others")
one_setting = measured.choose_records(five, way="blobs, one setting")
for way in dict.fromkeys(row["way"] for row in five["records"][1:4]):
    records = measured.choose_records(five, way=way)
    worst = min(f1 for record in records for f1 in record["f1_each"])
    verdict = measured.describe_difference(records, one_setting)
    print(f"{way}: on the worst microscope {worst:.3f}. Against one setting of blobs: {verdict}")
figures.plot_results(read_results(folder))

# %% [markdown]
# **What to see.** A circle is F1 on five microscopes, a stroke the mean. One setting of blobs does not fit all. The
# network of the kit learned from many microscopes (of the same program: on yours expect less): networks live on
# *variety*. Of the two other ways these tests show no clear difference.

# %%
lesson.test_once

# %% [markdown]
# ### Look at its mistakes

# %%
time_point = movie.time_points[-1]
window = PreparedMovies([movie], settings).window(0, time_point)
heat = predict_heat(network, window, settings)
mine = found["trained here"][1]
pair = truth.positions_at(time_point), mine.positions_at(time_point)
plots.plot_prediction(movie.stack(time_point, channels), heat, *pair, movie.spacing_um)

# %% [markdown]
# **What to see.** Rings are right, triangles missed, crosses false. Where are they: where nuclei touch, at debris, at
# dividing cells? Annotate more of just such places.

# %%
plots.curves.plot_depth_scores(score_positions(truth, mine))

# %% [markdown]
# **What to see.** Is the network worse deep in the tissue, where there is less light? Bars count nuclei: a bad score
# based on three means little.

# %% [markdown] tags=["instructor"]
# **For teachers.** On these movies the blob detector is hard to beat: they are invented, and nuclei stand out from a
# dark background. Say so before a learner finds out, and ask when a blob detector fails (touching nuclei, texture,
# debris, uneven light). Expect trouble: somebody tunes the threshold on the test movie. That is the moment for the
# question above.

# %% [markdown]
# ## 7. Use it, and keep it
#
# The network is in its *run folder*, with its settings and its threshold. A table compares your runs. (The short ones
# were judged on other patches.)

# %%
print(compare_runs(output_folder))
print("the network:", run.network_folder)

# %% [markdown]
# ### A real organoid
#
# *Skip this without internet:* it downloads 11 MB (or [bring the
# files](https://github.com/organoid-kit/organoid_kit/blob/main/docs/teaching/install_offline.md#the-real-organoid-of-notebook-04)).
#
# Three time points from a light-sheet microscope, annotated by its authors. The network that comes with the kit has
# never seen a real image. We *fine-tune* it (one kind of *transfer learning*): train it a little further on one time
# point, with a low learning rate so that it does not forget what it knows.

# %%
try:
    folder = real_organoid or data.downloads.download_real_organoid("data/real_organoid")
    real = data.downloads.read_real_organoid(folder)
    print(data.downloads.REAL_ORGANOID_CREDIT, real.movie, sep="\n")
except base.UserError as problem:
    real = None
    print(f"This section is left out. {problem}")
first, *others = real.movie.time_points if real else (None,)
if real:
    stack = real.movie.stack(first)
    here = real.annotations.positions_at(first)
    is_first = real.annotations.time_points == first
    to_learn_from = dataclasses.replace(real, annotations=real.annotations.select(is_first))
    to_judge_by = real.annotations.select(~is_first)

# %% [markdown]
# **Guess:** how good is the network before it has seen a single real nucleus?

# %%
start = "position_small"  # the network that comes with the kit
if real:
    network, settings = networks.saving.load_network(start)
    settings = settings.changed(channels=(1,))
    before = predict_positions(network, real.movie, settings, time_points=others)
    print("before fine-tuning:", score_positions(to_judge_by, before))
plots.plot_stack(stack, real.movie.spacing_um, positions=here, view="orthogonal") if real else None

# %% [markdown]
# **What to see.** A small organoid in a large stack, coarse from the side.
#
# Now we train on the first time point, choose the threshold there (`judge_run`), and judge by the other two.

# %%
if real:
    options = {"epochs": 12, "patches_per_time_point": 32, "minutes": fine_tuning_minutes}
    options |= {"channels": (1,), "output_folder": output_folder}
    tuned = train([to_learn_from], [], networks.make_fine_tuning_settings(start, **options))
    print(judge_run(tuned, [to_learn_from], []))
    network, settings = networks.saving.load_network(tuned.folder)
    after = predict_positions(network, real.movie, settings, time_points=others)
for name, found_there in (("comes with the kit", before), ("fine-tuned", after)) if real else ():
    score = score_positions(to_judge_by, found_there)
    scores = {"F1": score.f1, "precision": score.precision, "recall": score.recall}
    add_result(output_folder, "position", name, settings.seed, scores, tested_on="real organoid")
    print(f"{name}: {score}")

# %%
if real:
    last = others[-1]
    stack = real.movie.stack(last)
    pair = to_judge_by.positions_at(last), after.positions_at(last)
    region = to_judge_by.annotated_region(last)
plots.plot_prediction(stack, None, *pair, real.movie.spacing_um, region=region) if real else None

# %% [markdown]
# **What to see.** The last time point. We did this with three seeds (`benchmarks/real_organoid.py`): F1 was 0.971
# before and 0.971 after, each time; a tuned blob detector got 0.981. So *here* fine-tuning was not needed: measure
# before you annotate. But with some fifty nuclei, one mistake costs 0.01; and another organoid may be harder.

# %% [markdown]
# ## Summary
#
# - A target is dots, the loss compares with it voxel by voxel, a peak above the threshold is a nucleus.
# - Look at examples before you train. Climb the ladder.
# - Both losses high: underfitting. Far apart: overfitting.
# - Threshold from validation, score from test.
# - Few annotations? Fine-tune a network that was trained before.

# %%
lesson.no_recall

# %% [markdown]
# **To try:** train with `channels = (2,)`. What happens to recall, and why?
#
# <details><summary><b>Am I right?</b> (Click for an answer.)</summary>
#
# It falls: nuclei in S, G2 and M shine in channel 3 only (notebook 00).
# </details>
#
# Next: [05 · Train a division network](05_train_division_network.ipynb), the same seven steps, with fewer words.
