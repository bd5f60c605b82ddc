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
#     minutes_teach: 50
#     minutes_do: 80
#     minutes_cpu: 5
#     minutes_gpu: 4
# ---

# %% [markdown]
# # 05 · Train a division network: is this nucleus dividing?
#
# **You train the network that finds divisions, and write some of the calls yourself.**
#
# *Goals.* Afterwards you can
# - say what a division network is shown and asked,
# - explain why accuracy misleads, and compute average precision,
# - prepare examples by kind, and copy and paste more of them,
# - read a reliability diagram, and calibrate a network,
# - score divisions with a tolerance in time.
#
# *You need* notebooks 00 to 04.
#
# *Time.* To teach: 50 minutes. To do: 80 minutes. The computer works for 5 of them on a processor (CPU), for 4 on a
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
# **From memory:** 1. What do both losses look like in overfitting? 2. What is recall? 3. Which movies choose the
# threshold?
#
# <details><summary>Answers</summary>
#
# 1. Training falls, validation stays behind. 2. The fraction of what is there that was found. 3. The validation movies.
# </details>

# %%
import dataclasses
import inspect

import numpy as np
from IPython.display import Code

from organoid_kit import base, data, make_settings, networks, plots, prediction, read_dataset, train
from organoid_kit.course import add_result, choose_answer, read_results
from organoid_kit.course.lessons import notebook_05 as lesson
from organoid_kit.dashboards import AugmentationPreview, ThresholdExplorer
from organoid_kit.evaluation import compute_precision_recall, score_divisions
from organoid_kit.examples import DivisionExamples, augmentation, division
from organoid_kit.training import compare_runs, estimate_training

# %% [markdown]
# You can change these numbers. Your own movies, named in `.autlist` files, must have linked annotations: a division is
# a mother with links to two daughters.

# %% tags=["parameters"]
training_list = None  # for example "my_movies/training.autlist"; None: the bundled movies
validation_list = None
test_list = None
channels = (2, 3)  # which channels show nuclei, counted from 1
time_window = (-1, 1)  # time points the network sees: one before, now, one after
division_window = (0, 0)  # which time points count as dividing; (0, 0): only the mother's last
paste = 0.3  # fraction of the crops that get other surroundings; None: no crop
epochs = 25
crops_per_time_point = 48
output_folder = "runs"

# %% [markdown]
# ## The seven steps, once more
#
# Data, examples, settings, training, curves, judging, keeping. Two calls are left to you: the settings of step 3, and
# the score of step 6. If you leave them open, the notebook continues with the kit's.

# %% [markdown] tags=["instructor"]
# **For teachers.** Show live: the three mothers of step 1, and the reliability diagram of step 6 (draw one on the board
# first, with the weather forecast). Let them do: settings, average precision, and the score. The exercise on
# calibration is the hardest of the four; it can be homework.
#
# Plan of 50 minutes: step 1 with the question 10, step 2 10, step 3 5, start step 4 and do average precision meanwhile
# 10, step 6 15. `epochs = 8` is enough to talk about all that follows.

# %% [markdown]
# ## 1. Look at the data
#
# The position network has found the nuclei. Now we ask about each: *is this nucleus dividing?* Somebody linked each
# nucleus to the one it becomes a time point later. A *mother* has two such links, to two *daughters*.
#
# A division takes a while, so we need a rule: **the answer is yes at the last time point at which the mother is still
# one nucleus**, and no at all others.

# %%
samples = data.downloads.find_samples()
training = read_dataset(training_list or samples / "training.autlist")
validation = read_dataset(validation_list or samples / "validation.autlist")
test = read_dataset(test_list or samples / "test.autlist")
print(*(one.movie for one in training + validation + test), sep="\n")

# %% [markdown]
# Here are three mothers, one in each row. Time runs from left to right: "now" is the mother's last time point. **Look
# before you read on:** what tells you that she is about to divide?

# %%
# two time points before, two after
five = make_settings("division", channels=channels, time_window=(-2, 2))
as_they_are = DivisionExamples(training, five, augment=False)
mothers = np.flatnonzero(as_they_are.targets)[4::6][:3]
plots.plot_crops([as_they_are.example(place, (0,)) for place in mothers], five)

# %% [markdown]
# **What to see.** The nucleus rounds up and gets brighter (*prophase*), then its chromosomes line up in a bright,
# narrow plate (*metaphase*): that is the mother's last time point. One time point later there are two small bright
# daughters, perhaps one of them in another plane. Seen along its axis a plate is round; then the daughters settle it.

# %% [markdown]
# ### How rare is it?
#
# **Guess first:** of a hundred nuclei at one time point, how many are dividing?

# %%
for one in training + validation + test:
    labels = division.make_division_targets(one.annotations, division_window)
    yes, no, unknown = (np.count_nonzero(labels == label) for label in (1, 0, -1))
    print(f"{one.name}: {yes} yes, {no} no, {unknown} unknown. ", end="")
    print(f"Anyone who always says no is right in {no / (yes + no):.1%}.")

# %%
lesson.accuracy

# %% [markdown]
# *Unknown* means that nobody can know: at the last time point of a movie, or near the border of what was annotated.
# Such nuclei are used neither for learning nor for judging.
#
# For rare things we do not ask for *accuracy*, the fraction of all answers that is right. We ask for **precision** and
# **recall** of the divisions. Both depend on the threshold. **Average precision** does without one: sort all nuclei by
# their probability, go down the list, and at each true division note the precision so far. The mean of these numbers is
# 1 if all divisions come first.
#
# **Exercise 1: average precision by hand.** `said` holds the probability of each nucleus, `divides` whether it really
# divides: two arrays of the same length.


# %% exercise="average_precision"
def find_average_precision_by_hand(said, divides):
    # 1. sort nuclei by probability, the highest first
    # 2. go down the list; at each true division note the precision so far
    # 3. the mean of what was noted
    ...


# %%
lesson.average_precision.check(find_average_precision_by_hand)

# %% [markdown]
# ## 2. See the examples
#
# In goes a *crop*, a small piece of the stack with the nucleus in its middle, at three time points. Out comes one
# number from 0 to 1. A crop should show both daughters a time point later, and little more.

# %%
usual = make_settings(
    "division", channels=channels, time_window=time_window, division_window=division_window
)
network = networks.build_division_network(usual)
print("in:  (batch, z, y, x, time points) =", network.input_shape)
print("out: (batch, probability) =", network.output_shape)
size_um = np.array(usual.patch_shape_zyx) * usual.spacing_um
print("a crop (z, y, x) is", size_um, "µm large")

# %% [markdown]
# ### See the network
#
# *Skip this if you only want to use the network.* The function that built it, and the two blocks that are new since
# notebook 04:

# %%
parts = networks.build_division_network, networks.blocks.encode_crop, networks.blocks.connect
Code("\n\n".join(map(inspect.getsource, parts)), language="python")

# %% [markdown]
# **Read it from top to bottom.**
# 1. `encode_crop` goes down three levels, with 16, 32 and 48 filters. `MaxPooling3D` leaves 16, 8, then 4 rows and
#    columns. There is no way up: the question is *whether*, not *where*.
# 2. `Flatten` puts all that is left into one long list. In training `Dropout` leaves out nearly a third of it, a
#    different part each time, so that the network cannot rely on a single sign.
# 3. `connect` is a *dense* layer: 48 sums, each over the whole list. `answer` is one more, and a sigmoid makes a
#    probability of it.

# %% [markdown]
# If we drew nuclei at random, most batches would hold one division or none, and the network would learn to say "no". So
# we draw by *kind*: a third are divisions, a third **look alike** (the same mother earlier, her daughters, neighbours),
# a third are **ordinary**. Half of these are the brightest of a few: brightness is the first thing that a network falls
# for.

# %%
examples = DivisionExamples(training, usual)
in_movies = np.bincount(examples.kinds, minlength=3)
in_epoch = np.bincount(examples.kinds[examples.order(epoch=0)], minlength=3)
for name, there, shown in zip(("division", "looks alike", "ordinary"), in_movies, in_epoch):
    print(
        f"{name:12} {there:4} in the movies, shown {shown:4} times in an epoch: each {shown / there:.1f} times"
    )

# %% [markdown]
# Each division is shown many times in every epoch. What keeps the network from learning them by heart? They look
# different each time, and are given new surroundings.

# %%
plain = DivisionExamples(training, usual, augment=False)
mother = int(np.flatnonzero(plain.targets)[0])
unpasted = DivisionExamples(
    training, usual.changed(augmentation=base.AugmentationSettings(paste=None))
)
varied = [unpasted.example(mother, (usual.seed, number)) for number in range(4)]
names = ["as it is", *(f"variation {number}" for number in range(1, 5))]
plots.plot_crops([plain.example(mother, (0,)), *varied], usual, names=names)

# %% [markdown]
# **What to see.** One division, as it is and varied four times, as in notebook 03; it is also a little off-centre
# (*jitter*), because a position network does not find the exact centre either. Can you still recognise each as a
# division? If not, the variation is too strong.

# %% [markdown]
# ### Copy and paste
#
# There are few divisions but many surroundings. So the kit cuts the nucleus out, with soft edges, and puts it where
# another nucleus was. Below, nothing else is varied.

# %%
nothing = base.AugmentationSettings(
    False, None, None, None, None, None, None, None, None, jitter_um=None, paste=None
)
always = dataclasses.replace(nothing, paste=1.0)
without = DivisionExamples(training, usual.changed(augmentation=nothing))
pasted = DivisionExamples(training, usual.changed(augmentation=always))
crops = [without.example(mother, (1,), augmentation.no_augmentation())]
crops += [pasted.example(mother, (number,), augmentation.no_augmentation()) for number in (1, 2, 3)]
names = ["without", *(f"pasted,\nseed {number}" for number in (1, 2, 3))]
plots.plot_crops(crops, usual, names=names)

# %% [markdown]
# **What to see.** The same nucleus in the middle, with its own past and future; around it other neighbours. Where a
# neighbour or a daughter is cut off, the picture is not quite true to nature. That is the price.
#
# Nuclei that do not divide are pasted, too. Why?

# %%
lesson.seams

# %% [markdown]
# All variations at once, to switch on and off. *Division* chooses the mother, *Throw again* throws the dice again.

# %%
preview = AugmentationPreview(training, usual)
preview.variations.value = 2
preview

# %% [markdown]
# ## 3. Choose settings and see what it will cost
#
# **Exercise 2: settings.** Make the settings for this training, and call them `my_settings`. You know `make_settings`
# from notebook 04; here the network is called `"division"`. Pass `channels`, `time_window`, `division_window`,
# `epochs`, `output_folder`; and `crops_per_time_point`, which is called `patches_per_time_point` for all networks.

# %% exercise="settings"
my_settings = ...

# %%
lesson.settings.check(my_settings)

# %% [markdown]
# **Guess first:** will this take longer than the position network? Its crops are smaller, and there are more in a
# batch.

# %%
numbers = {"channels": channels, "time_window": time_window, "division_window": division_window}
numbers |= {"patches_per_time_point": crops_per_time_point, "epochs": epochs}
settings = lesson.choose_settings(my_settings, **numbers, output_folder=output_folder)
settings = settings.changed(augmentation=base.AugmentationSettings(paste=paste))
print(estimate_training(settings, training))
print(f"The network has {network.count_params():,} numbers to learn.")

# %% [markdown]
# ## 4. Train
#
# After each epoch the network is judged on nuclei of the validation movie, in their natural proportion. One thing is
# new: a network that is too sure of itself is forgiven here, because that can be put right afterwards (step 6).

# %%
run = train(training, validation, settings)

# %% [markdown]
# ## 5. Read the curves

# %%
plots.plot_history(run.history)

# %% [markdown]
# **What to see.** The validation loss zigzags: the movie has few divisions, so a single confident mistake shows. It may
# stay far above the training loss, or even rise. Average precision rises more steadily. The star may be best in
# neither: epochs are compared by their validation loss *after calibration*.

# %% [markdown]
# ## 6. Judge on held-out data, against the baseline
#
# ### Can its probabilities be believed?
#
# A weather forecast says "70 % rain" on a hundred days. If it rains on about 70 of them, the forecast is *calibrated*.
# Is our network? **Predict before you look:**

# %%
lesson.too_high

# %% [markdown]
# We correct that on the validation movie. A straight line, *slope* and *intercept*, is fitted to the *log-odds* of the
# answers: log(p / (1 − p)). A slope below 1 says: you were too sure. A negative intercept says: you said yes too often.
# Both are saved with the network.

# %%
result = prediction.calibrate_network(run, validation)
print(result)
print(f"slope {result.calibration.slope:.2f}, intercept {result.calibration.intercept:.2f}")
plots.probabilities.plot_reliability(result.after, result.before)

# %% [markdown]
# **What to see.** This is a *reliability diagram*. All nuclei for which the network said, for example, 0.2 to 0.3 are
# in one bin; the height of its point is the fraction that really divide. On the dotted diagonal the probabilities can
# be believed; below it the network says yes too often. The bars count nuclei. Thin lines show how far a point may be
# off by chance.
#
# Two numbers sum this up, both better the closer to 0. **ECE**, the expected calibration error: how far a point is from
# the diagonal, on average over all nuclei (so mostly about the first bin). **Brier score**: how far a probability is
# from the truth, squared, on average. "After" was measured on the very nuclei that the line was fitted to, so it looks
# a little too good.
#
# **Exercise 3: the calibration error by hand.** (Skip it if you never use the probabilities.) Ten bins: 0 to 0.1, 0.1
# to 0.2, up to 1. In each: how far is the mean of what was *said* from the fraction that is *true*? Return the mean of
# these distances, each bin weighted by its number of nuclei.


# %% exercise="calibration_error"
def find_calibration_error(said, divides):
    # said: probabilities; divides: True or False, of the same length
    ...


# %%
lesson.calibration_error.check(find_calibration_error)

# %%
lesson.after_calibration

# %% [markdown]
# **Exercise 4: score with a tolerance.** A network may call a division one time point too early or too late. For most
# questions that does not matter. Write a function that gives the score of `score_divisions` with a tolerance of 1, at
# the threshold in the settings, which was chosen on the validation movie. (`help(score_divisions)`, in a cell of its
# own, tells you what goes inside the brackets.)


# %% exercise="scoring"
def score_calls(truth, found, settings):
    # one call, of score_divisions
    ...


# %%
lesson.scoring.check(score_calls)

# %% [markdown]
# ### The test movie, once
#
# First look at the validation movie: move the threshold, and see which divisions are called, missed and false.

# %%
network, settings = networks.saving.load_network(run.folder)
looked_at = validation[0]
called = prediction.predict_divisions(network, looked_at.movie, looked_at.annotations, settings)
explorer = ThresholdExplorer(looked_at, called, channels=channels)
explorer.kind.value, explorer.threshold.value = "divisions", settings.threshold
explorer

# %% [markdown]
# Now the test movie. Next to yours is the network that comes with the kit. **Guess:** by how much does F1 rise from
# tolerance 0 to 1?

# %%
score_them = choose_answer(lesson.scoring, score_calls)
movie, truth = test[0].movie, test[0].annotations
found = prediction.predict_divisions(network, movie, truth, settings)
print("trained here:      ", score_them(truth, found, settings))
for tolerance in (0, 2):
    print(score_divisions(truth, found, tolerance=tolerance, threshold=settings.threshold))
shipped, shipped_settings = networks.saving.load_network("division_small")
shipped_settings = shipped_settings.changed(channels=channels)
found_by_shipped = prediction.predict_divisions(shipped, movie, truth, shipped_settings)
print("comes with the kit:", score_them(truth, found_by_shipped, shipped_settings))

# %% [markdown]
# Did nothing change with the tolerance? Then no call was too early or too late. Is the result good? As always we want a
# *baseline*. Dividing nuclei are bright, so here is the simplest: sort nuclei by the brightness of their middle.

# %%
judged = DivisionExamples(test[:1], settings, augment=False)
crops = [judged.example(place, (0,)) for place in range(len(judged.targets))]
planes, rows = (slice(size // 2 - 1, size // 2 + 1) for size in settings.patch_shape_zyx[:2])
brightness = [crop.image[planes, rows, rows, -settings.time_window[0]].mean() for crop in crops]

# %%
known = division.make_division_targets(truth, settings.division_window) >= 0
said = found.properties["division_probability"][known].astype(float)
said_by_shipped = found_by_shipped.properties["division_probability"][known].astype(float)
answers = {
    "trained here": said,
    "comes with the kit": said_by_shipped,
    "brightness alone": np.array(brightness),
}
curves = {
    name: compute_precision_recall(judged.targets, answer) for name, answer in answers.items()
}

# %%
others = {"brightness alone": curves["brightness alone"]}
plots.probabilities.plot_precision_recall(curves["trained here"], others, chosen=settings.threshold)

# %% [markdown]
# **What to see.** Each point of a line is a threshold. To the left, few divisions are found, but those called are
# right; to the right more are found, and more is wrong. The area below a line is its average precision, the star is our
# threshold. One division is a whole step of the line.
#
# Now the rows for the results table. (Brightness has no probabilities, so its F1 is not measured.)

# %%
f1 = {
    "trained here": score_them(truth, found, settings).f1,
    "comes with the kit": score_them(truth, found_by_shipped, shipped_settings).f1,
}
seeds = {"trained here": settings.seed, "comes with the kit": shipped_settings.seed}
for name, curve in curves.items():
    figures = {
        "average precision": curve.average_precision,
        "division F1, ±1 time point": f1.get(name),
    }
    add_result(output_folder, "division", name, seeds.get(name), figures, tested_on=test[0].name)
read_results(output_folder)

# %% [markdown]
# ### The worst mistakes
#
# The nuclei of the test movie about which the network was most wrong. Not all of them are mistakes at our threshold.

# %%
wrong_by = np.abs(said - judged.targets)
worst = np.argsort(-wrong_by)[:6]
answers = {True: "divides", False: "does not divide"}
names = [f"{answers[bool(judged.targets[place])]},\nsaid {said[place]:.2f}" for place in worst]
plots.plot_crops([crops[place] for place in worst], settings, names=names)

# %% [markdown]
# **What to see.** Write down a reason for each. Some common ones:
# - *Prophase.* It will divide, but at the next time point: called too early.
# - *The neighbour divides.* If two nuclei touch, it is hard to say whose plate it is.
# - *Seen from above.* A plate seen along its axis is round, like any nucleus.
# - *Debris*, the remains of dead cells: bright and small too. But it is there before and after.
# - *Was the annotator wrong?* In real movies a frequent answer. Look again before you blame the network.

# %% [markdown] tags=["instructor"]
# **For teachers.** Questions to expect:
# - *Isn't ±1 time point cheating?* Two people who annotate the same movie disagree by about as much. Ask what the score
#   is for: for counting divisions it does not matter, for timing them it does.
# - *Why is my average precision 1 (or 0.7)?* There are a dozen divisions in the movie. Let the class put its numbers on
#   the board: the spread is the lesson.
# - *The threshold is 0.3, is the network bad?* No: about something rare, a calibrated network is often less than 0.5
#   sure.

# %% [markdown]
# ## 7. Use it, and keep it
#
# The network is in its run folder, with its settings, its calibration and its threshold. To train it further on a few
# movies of your own:

# %%
print(compare_runs(output_folder))
gentle = networks.make_fine_tuning_settings(
    run.folder, channels=channels, output_folder=output_folder
)
print(f"Starting from {gentle.start_from}, with a learning rate of {gentle.learning_rate:g}:")
print("train(your_movies, your_validation, gentle), then calibrate again.")

# %% [markdown]
# ## Summary
#
# - A division is the mother's last time point. What nobody can know is left out.
# - Rare things: draw examples by kind, and never judge by accuracy.
# - More examples of what is rare: vary them, and paste them into other surroundings.
# - Calibrate on validation movies. Then 0.7 means 70 out of 100.
# - Allow one time point of tolerance, and look at the worst mistakes.

# %% [markdown]
# **To try:** take time away, with `time_window = (0, 0)` at the top. What happens to the average precision on the test
# movie, and to which mistakes?
#
# <details><summary><b>Am I right?</b> (Click for an answer.)</summary>
#
# Expect it to fall: two daughters are the surest sign of a division, and debris differs from a plate mostly in that it
# stays. How far differs from training to training: see how much it changes by chance, with `settings.changed(seed=2)`.
# </details>
#
# Next: [06 · Train a link network](06_train_link_network.ipynb), the seven steps on your own.
