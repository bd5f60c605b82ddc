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
#     minutes_cpu: 12
#     minutes_gpu: 3
#     minutes_read: 40
# ---

# %% [markdown]
# # 04 · Train a position network: where are the nucleus centres?
#
# **You train the network that finds nuclei, on a laptop, in minutes:** you check what goes in, test the network on easy
# tasks first, stop the training on purpose and go on with it, look honestly at its mistakes, and train a network on for
# a real organoid.
#
# *Goals.* Afterwards you can
# - prepare examples and look at them,
# - estimate time and memory before you begin,
# - train, stop, and go on,
# - recognise under- and overfitting in the curves,
# - choose a threshold on validation movies, and score on a test movie, beside a method without learning,
# - fine-tune a network with few annotations.
#
# *You need* notebooks 00 to 03.
#
# *Time.* Minutes to read: 40. Minutes to run: 12 on a processor (CPU), 3 on a graphics card (GPU).

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
import dataclasses

import numpy as np

from organoid_kit import downloads, networks, plots
from organoid_kit.baseline import find_blobs, tune_blobs
from organoid_kit.dataset import read_dataset
from organoid_kit.errors import UserError
from organoid_kit.estimates import estimate_training
from organoid_kit.evaluation import score_over_thresholds, score_positions
from organoid_kit.ladder import overfit_one_patch, overfit_one_time_point
from organoid_kit.models.position import build_position_network
from organoid_kit.patches import PreparedMovies
from organoid_kit.position_examples import PositionExamples
from organoid_kit.prediction import choose_threshold, predict_heat, predict_positions
from organoid_kit.runs import compare_runs
from organoid_kit.settings import AugmentationSettings, NetworkSettings
from organoid_kit.training import train

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
ladder_steps = 150  # of each of the two easy tasks
small_epochs = 20  # of the three small trainings that show under- and overfitting
fine_tuning_minutes = 3.0  # at most
real_organoid = None  # a folder that has the real organoid already; None: download it
output_folder = "runs"

# %% [markdown]
# ## 1. What we ask
#
# *Where are the nucleus centres?* Somebody marked them in two movies. We want the computer to mark them in movies that
# nobody annotated.

# %%
samples = downloads.find_samples()
training = read_dataset(training_list or samples / "training.autlist")
validation = read_dataset(validation_list or samples / "validation.autlist")
test = read_dataset(test_list or samples / "test.autlist")
print(*(one.movie for one in training + validation + test), sep="\n")

# %% [markdown]
# Three kinds of movies, and they must never mix:
# - **training**: the network learns from them,
# - **validation**: tell us during training how it does on other movies, and decide when to stop,
# - **test**: scored once, at the very end. Their score is the one to believe.

# %% [markdown]
# ## 2. What goes in and out
#
# In goes a patch with three time points: before, now, after. Out comes a patch of the same size with a probability for
# each voxel. A nucleus moves little from one time point to the next, noise does not stay: so three see more than one.
#
# Several patches go through the network together, a *batch*. The kit brings all movies to one spacing first: a voxel
# then measures 2 × 1 × 1 µm (z, y, x). A patch of 16 × 48 × 48 voxels is thus 32 × 48 × 48 µm large.

# %%
settings = NetworkSettings(
    channels=channels,
    epochs=epochs,
    patches_per_time_point=patches_per_time_point,
    output_folder=output_folder,
)
network = build_position_network(settings)
print("in:  (batch, z, y, x, time points) =", network.input_shape, "  None: any number")
print("out: (batch, z, y, x, probability) =", network.output_shape)

# %% [markdown]
# Is the field of view larger than a nucleus? If it were smaller, the network could not tell a whole nucleus from a
# part.

# %%
field_um = np.array(networks.find_field_of_view(network)) * settings.spacing_um
print("field of view (z, y, x):", field_um, "µm. A nucleus is about 8 µm wide.")

# %% [markdown]
# ## 3. Prepare examples

# %%
examples = PositionExamples(training, settings)
settings = examples.settings
batch = examples.examples(epoch=0, step=0, batch_size=4)
print(f"{examples.number_per_epoch} examples an epoch, from {len(examples.places)} time points")

# %%
fullest = max(batch, key=lambda example: example.target.sum())
plots.plot_example(fullest, settings)

# %% [markdown]
# **What to see.** Do the dots lie on the nuclei? If not, stop here: a network that is shown nonsense learns nonsense.
# The patch is turned and varied, see notebook 03. It looks coarser than there, as voxels are larger.

# %% [markdown]
# ## 4. Build: how large, how long?
#
# One *epoch* is one walk through all examples, one *step* is one batch.
#
# **Guess first:** how many minutes will training take on your machine?

# %%
print(estimate_training(settings, training))

# %% [markdown]
# ### Easy tasks first
#
# Before a long training, climb a ladder. First rung: can a new network learn *one patch* by heart? It must. If it
# cannot, something is wrong: the channels, the positions, the settings. Second rung: the patches of one time point. To
# learn by heart is bad in the end, but here it shows that the network can learn at all.

# %%
first_rung = overfit_one_patch(training, settings, steps=ladder_steps)
print(first_rung.reading)
second_rung = overfit_one_time_point(training, settings, steps=ladder_steps)
print(second_rung.reading)

# %%
plots.plot_losses({rung.name: rung.history for rung in (first_rung, second_rung)}, label="loss")

# %% [markdown]
# **What to see.** Both losses fall: the network can learn. One time point has several patches, which come in turn; so
# its line may zigzag, and takes longer. If the text above says that it is not done, set `ladder_steps` higher. The loss
# cannot reach zero, as dots have soft edges.

# %% [markdown]
# ## 5. Train
#
# Every training has a folder of its own. In it the kit saves a *checkpoint* after each epoch and every few minutes: all
# that is needed to go on. A training that is stopped, by you, by Colab or by a power cut, goes on from its newest
# checkpoint. On a processor it ends with exactly the same network as one that was never stopped. (A graphics card may
# round a little differently each time.)
#
# We try it: we stop on purpose after twenty steps. You may also press the stop button of the notebook.

# %%
countdown = iter(range(20))
run = train(training, validation, settings, should_stop=lambda: next(countdown, None) is None)

# %% [markdown]
# Now we go on, with `resume`. (This is the long cell of this notebook. Make a cup of tea.) After each epoch it prints a
# line with F1: how well nuclei are found in patches of the validation movie. Several thresholds are tried there, and
# the best one counts; so this F1 is a little too good. It only serves to compare epochs.

# %%
run = train(training, validation, settings, resume=run.folder)

# %%
plots.plot_history(run.history)

# %% [markdown]
# **What to see.** Left, both losses fall together: the network learns something that also holds for the validation
# movie. They need not be equal: training patches are varied, validation patches are not. Right, F1 on validation
# patches rises towards 1. The star is the epoch with the lowest validation loss; the network of that epoch is kept.

# %% [markdown]
# ### Under- and overfitting, shown honestly
#
# Three short trainings on small patches, each for the same number of steps:
# - *too timid*: a learning rate more than a thousand times smaller than usual,
# - *by heart*: a single time point, and no variation,
# - *well fed*: all training movies, with variation.
#
# To save time, the validation loss is taken at every fourth time point of the validation movie only. The next two cells
# prepare and train; while they train they print nothing.
#
# **Guess:** which one has the lowest training loss? Which one the lowest validation loss?

# %%
first = training[0].annotations
one_time_point = first.select(first.time_points == first.time_points[0])
only = dataclasses.replace(training[0], annotations=one_time_point)
few = validation[0].annotations
judged_by = [dataclasses.replace(validation[0], annotations=few.select(few.time_points % 4 == 0))]
number = 2 * len(examples.places)  # patches in an epoch
no_variation = AugmentationSettings(False, None, None, None, None, None, None, None, None)
small = settings.changed(patch_shape_zyx=(8, 32, 32), epochs=small_epochs, patience=small_epochs)

# %%
trials = {
    "too timid": (training, small.changed(patches_per_time_point=2, learning_rate=2e-6)),
    "by heart": ([only], small.changed(patches_per_time_point=number, augmentation=no_variation)),
    "well fed": (training, small.changed(patches_per_time_point=2)),
}
runs = {}
for name, (movies, chosen) in trials.items():
    runs[name] = train(movies, judged_by, chosen, on_progress=lambda progress: None)

# %%
losses = {}
for name, each in runs.items():
    losses[f"{name}, training"] = [row["loss"] for row in each.history]
    losses[f"{name}, validation"] = [row["validation_loss"] for row in each.history]
plots.plot_losses(losses, label="loss", step="epoch")

# %% [markdown]
# **What to see.**
# - *Too timid* hardly falls, in training and in validation: underfitting. In notebook 01 the network was too small;
#   here its steps are. A usual learning rate helps.
# - *By heart*: the training loss falls below all others, but the validation loss stays behind it. The network knows its
#   one time point, and no other organoid. The gap between the two curves is overfitting.
# - *Well fed*: the training task is harder, so its training loss is higher. There is no gap: it has not learned
#   anything by heart, and would gain from more training, as the long one above did. *By heart* would not.

# %%
for name, each in runs.items():
    last = each.history[-1]
    print(f"{name:10} training loss {last['loss']:.3f}, validation loss {last['validation_loss']:.3f}")

# %% [markdown]
# ## 6. Look at its mistakes
#
# The network gives probabilities. A *peak* is a place with a higher probability than all around it. From which
# probability on is a peak a nucleus? This limit is the *threshold*. A low one finds more, and more that is false. We
# choose it on the **validation** movie. On the test movie that would be cheating.
#
# The threshold need not be 0.5. The network's probabilities say where it is more sure and where less. They do not
# promise that of ten peaks with 0.9 nine are right.

# %%
threshold = choose_threshold(run, validation)
network, settings = networks.load_network(run.folder)
movie, times = judged_by[0].movie, judged_by[0].annotations.annotated_time_points.tolist()
options = {"time_points": times, "threshold": 0.05}  # nearly everything, to choose from
candidates = predict_positions(network, movie, settings, **options)
curve = score_over_thresholds(judged_by[0].annotations, candidates)

# %%
plots.plot_threshold_curve(curve, chosen=threshold)

# %% [markdown]
# **What to see.** To the right, precision rises and recall falls. F1 has a flat top: there the exact threshold does not
# matter. A narrow top would be a bad sign. The dotted line may stand a little beside the top: the threshold was chosen
# on all time points, the curve is drawn for every fourth.
#
# Now the test movie, once. Beside the network stands the blob detector, whose size and threshold were chosen on the
# training movies. **Guess:** which of the two is better, and by how much?

# %%
movie, truth = test[0].movie, test[0].annotations
found = predict_positions(network, movie, settings)
blobs = find_blobs(movie, **tune_blobs(training, channels=channels))
score, blob_score = score_positions(truth, found), score_positions(truth, blobs)
print("network:", score)
print("blobs:  ", blob_score)

# %% [markdown]
# Which has the higher F1? With about 450 nuclei, 0.01 of F1 is some four or five of them: smaller differences may be
# chance. And this is *one* training on two movies, for some minutes. The network that comes with the kit learned from
# 70 invented organoids; on 10 others it reached a precision of 0.986 and a recall of 0.958.

# %%
time_point = movie.time_points[-1]
window = PreparedMovies([movie], settings).window(0, time_point)
heat = predict_heat(network, [stack.transpose(2, 0, 1) for stack in window], settings)
pair = truth.positions_at(time_point), found.positions_at(time_point)
plots.plot_prediction(movie.stack(time_point, channels), heat, *pair, movie.spacing_um)

# %% [markdown]
# **What to see.** Rings are right, triangles missed, crosses false. Where are the mistakes: where nuclei touch, deep
# down, at debris, at dividing cells? Mistakes that have a pattern can be mended, with annotations of just such places.

# %%
plots.plot_depth_scores(score)

# %% [markdown]
# **What to see.** Is the network worse deep in the tissue, where there is less light? Bars show how many nuclei each
# score rests on: a bad score that rests on three nuclei means little.

# %%
plots.plot_time_scores(score)

# %% [markdown]
# **What to see.** Later time points have more nuclei, more crowded. If scores fall with time, crowding is the problem.

# %% [markdown]
# ## 7. Keep it
#
# The network lies in its *run folder*, with its settings and its threshold. A new training always gets a new folder. A
# table compares all your runs. Do not compare the three short trainings with the long one: they were judged by other
# patches.

# %%
print(compare_runs(output_folder))
print("the network:", run.network_folder)

# %% [markdown]
# ## 8. A real organoid
#
# So far all was invented. Now a real organoid: three time points from a light-sheet microscope, annotated by its
# authors. We take the network that comes with the kit. It has never seen a real image either. Instead of training anew,
# we *fine-tune*: we train it a little further, on a single annotated time point, with a low learning rate so that it
# does not forget what it knows.
#
# The organoid is downloaded (11 MB). **No internet on this machine?** Then the cells below say so and do nothing; our
# own numbers stand at the end of this section. Or bring the three files `P4_Ch1-T0322.tif` to `P4_Ch1-T0324.tif`, in a
# folder `images`, and beside it `mamut_deconv.xml`, from
# [LSTree](https://github.com/fmi-basel/LSTree/tree/1e43a58c376e03ea634bb0ea8145153ab9acda4b/example/data/003-Enterocyst)
# on another computer, and name the folder in `real_organoid` at the top.

# %%
try:
    folder = real_organoid or downloads.download_real_organoid("data/real_organoid")
    real = downloads.read_real_organoid(folder)
    print(downloads.REAL_ORGANOID_CREDIT, real.movie, f"{len(real.annotations)} positions", sep="\n")
except UserError as problem:
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
# side the nuclei look coarse. The kit brings the image to the spacing that the network knows.
#
# **Guess:** how good is the network before it has seen a single real nucleus?

# %%
start = "position_small"  # the network that comes with the kit
if real:
    network, settings = networks.load_network(start)
    settings = settings.changed(channels=(1,))
    before = predict_positions(network, real.movie, settings, time_points=others)
    print("before fine-tuning:", score_positions(to_judge_by, before))

# %% [markdown]
# Now a minute or two of training on the first time point. The other two are kept back to judge by. So nothing is left
# for validation: "validation loss" is here the training loss, and the threshold too is chosen on the first time point.
# That is not ideal, but fair: neither looks at the positions by which we judge.

# %%
if real:
    options = {"epochs": 12, "patches_per_time_point": 32, "minutes": fine_tuning_minutes}
    gentle = networks.make_fine_tuning_settings(start, channels=(1,), output_folder=output_folder, **options)
    tuned = train([to_learn_from], [], gentle)
    choose_threshold(tuned, [to_learn_from])
    network, settings = networks.load_network(tuned.folder)
    after = predict_positions(network, real.movie, settings, time_points=others)
    print("before fine-tuning:", score_positions(to_judge_by, before))
    print("after fine-tuning: ", score_positions(to_judge_by, after))

# %%
if real:
    last = others[-1]
    stack = real.movie.stack(last)
    pair = to_judge_by.positions_at(last), after.positions_at(last)
    region = to_judge_by.annotated_region(last)
plots.plot_prediction(stack, None, *pair, real.movie.spacing_um, region=region) if real else None

# %% [markdown]
# **What to see.** The last time point, two time points after the one that was learned from. *Ignored* in the line above
# are positions found where nobody annotated.
#
# We did the same with three seeds (`benchmarks/real_organoid.py`): F1 was 0.944 before and 0.997 after. Yours may
# differ by a few hundredths: there are only some fifty nuclei to judge by, and one mistake costs about 0.01.
#
# Be careful with such a number. These are the same cells a little later, and as the network sees three time points at
# once, it has seen the image of the second one too, though not its positions. So the number is more hopeful than one
# for another organoid would be. To know that, annotate a part of another one.

# %% [markdown]
# ## Summary
#
# - Look at examples before you train. Climb the ladder: one patch, one time point, everything.
# - Watch both losses. Both high: underfitting. Far apart: overfitting.
# - Threshold from validation, score from test, a simple method beside it.
# - Few annotations? Fine-tune a network that was trained before.
#
# <details><summary><b>Question:</b> The loss falls nicely, but recall stays at 0. What do you check? (Click for an
# answer.)</summary>
#
# The threshold first: perhaps all probabilities lie below it. Then the examples: do the dots lie on the nuclei, in z
# too? Then the ladder: does the network learn one patch by heart?
# </details>

# %% [markdown]
# ## Exercises
# 1. Train with `channels = (2,)`. What happens to recall, and why?
# 2. Leave out one of the two training movies: `training = training[:1]` after they are read. How much does F1 on the
#    test movie fall?
# 3. Switch all variation off for the long training: `settings = settings.changed(augmentation=no_variation)`, with
#    `no_variation` as in section 5. Look at the gap between the two losses.
# 4. Annotate a cuboid of one time point of a movie of your own, and fine-tune on it as in section 8.

# %% [markdown]
# <details><summary><b>Am I right?</b> (Click for answers.)</summary>
#
# 1. Recall falls: nuclei in S, G2 and M shine in channel 3 only (notebook 00). A network cannot find what it is not
#    shown.
# 2. No one can tell you the number. But first find out how much F1 changes by chance: train twice on both movies, with
#    `settings.changed(seed=2)` the second time. Only a larger fall counts.
# 3. Expect the training loss to fall lower and the validation loss to follow less far, as in *by heart*. With two
#    movies the gap is smaller than there.
# 4. Annotate a second cuboid, best in another movie, and do not train on it. Score before and after. If F1 rises there,
#    you did well. Ten nuclei tell little, fifty tell more.
# </details>
