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
#     minutes_cpu: 8
#     minutes_do: 65
#     minutes_gpu: 4
#     minutes_teach: 45
# ---

# %% [markdown]
# # 08 · Your own data: from a microscope's files to a network that fits them
#
# **You open movies as your microscope wrote them, and find out whether it is worth training a network on a few
# annotations of your own.**
#
# *Goals.* Afterwards you can
# - say what a file does not say: which axis is which, and how large a voxel is,
# - read folders of the Cell Tracking Challenge, and other annotations,
# - choose channels, and decide whether to annotate more,
# - compare a method without learning, a network from scratch and a fine-tuned one, fairly,
# - train on Colab without losing a run.
#
# *You need* notebooks 00 to 04. Your own movie can wait: everything here also runs without.
#
# *Time.* To teach: 45 minutes. To do: 65 minutes. The computer works for 8 of them on a processor (CPU), for 4 on a
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
# **From memory:** 1. Which movies are scored once, at the very end? 2. What is fine-tuning? 3. Why annotate a cuboid
# completely?
#
# <details><summary>Answers</summary>
#
# 1. Test movies. 2. Training a trained network further, on few annotations. 3. What is not marked counts as background.
# </details>

# %% [markdown] tags=["instructor"]
# **For teachers.** *Show live:* section 1 with the wrong spacing, and a file from somebody in the room; then the
# diagram of section 4. *Let them do:* the exercises on axes and spacing, in pairs, with the notes from their own
# microscope beside them. Start the long cell of section 5 before you talk about section 4.
#
# *Expected questions.* "What if my file opens without all this?" Then it states its axes and spacing itself; still look
# from three sides. "How many annotations do I need?" Show the diagram, and ask for whose movies it holds.
#
# *Expected trouble.* Files on a network drive: copy one movie to the machine. Movies of many gigabytes: they are read
# one stack at a time, so that is no problem. On Colab, the window in which Google asks for Drive is easily overlooked.

# %%
import dataclasses
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter

# %%
from organoid_kit import (
    find_samples,
    load_network,
    make_settings,
    networks,
    plots,
    predict_positions,
    prediction,
    read_annotations,
    read_dataset,
    read_timelapse,
    report,
    score_positions,
    train,
    write_annotations,
)

# %%
from organoid_kit.base import UserError
from organoid_kit.course import (
    BackupWriter,
    add_result,
    figures,
    list_backups,
    open_backup_folder,
    read_demonstration,
    read_results,
    restore_run,
)
from organoid_kit.course.lessons import notebook_08 as lesson
from organoid_kit.dashboards import ChannelDashboard
from organoid_kit.data import AnnotatedMovie, make_timelapse, write_dataset
from organoid_kit.evaluation import find_blobs, tune_blobs

# %% [markdown]
# You can change these numbers. `my_folder` is laid out as in the Cell Tracking Challenge, see section 2: without one,
# we pretend that two of the bundled movies are yours.

# %% tags=["parameters"]
my_folder = None  # with 01, 01_GT, 02 and 02_GT; None: make-believe
axes_of_mine = "tzyx"
spacing_of_mine = (2.0, 0.5, 0.5)  # z, y, x, in µm
learn_from = (0, 1)  # the annotated time points of movie 01 to learn from
validate_at = (6,)  # and one for choosing epoch and threshold
score_at = (2, 6, 10)  # the time points of movie 02 to score at
seeds = (1, 2, 3)
epochs = 12
patches_per_time_point = 32
output_folder = "runs"
keep_in = None  # "drive" on Colab, or a folder that is backed up

# %%
# mounts Drive if you asked for it, see section 6
keeping = open_backup_folder(keep_in) or Path(output_folder) / "kept"
table_folder = keeping if keep_in else output_folder  # of the results table

# %% [markdown]
# ## 1. What a file does not say
#
# A movie is just numbers in rows. Which axis is z, and how large a voxel is, has to be written down with them. Some
# programs do so, some do not, and some write nonsense. We make such a folder: one file for each time point, nothing
# else.


# %%
def write_make_believe(annotated, number, folder):
    """One movie as in the Cell Tracking Challenge: stacks, and images that label each nucleus."""
    (folder / number).mkdir()
    for time_point in annotated.movie.time_points:
        stack = annotated.movie.stack(time_point, (2, 3)).astype(np.uint16)
        tifffile.imwrite(folder / number / f"t{time_point:03}.tif", stack)
    truth = folder / f"{number}_GT" / "TRA"
    write_annotations(
        annotated.annotations, truth, shape_zyx=annotated.movie.shape_zyx, results=False
    )


# %%
samples = find_samples()
bundled = read_dataset(samples / "training.autlist")[0], read_dataset(samples / "test.autlist")[0]
folder = Path(my_folder or tempfile.mkdtemp())
if my_folder is None:
    for number, annotated in zip(("01", "02"), bundled):
        write_make_believe(annotated, number, folder)
print(*sorted(path.relative_to(folder) for path in (folder / "01").iterdir()), sep="\n")

# %% [markdown]
# Now we open it, and say nothing about it:

# %%
try:
    print(read_timelapse(folder / "01"))
except UserError as refused:
    print(refused)

# %% [markdown]
# The kit refuses. It shows its guess, but does not act on it: a wrong guess costs you weeks, two words cost you a
# minute. Confirm what is right, and correct what is not.

# %%
mine = read_timelapse(folder / "01", axes=axes_of_mine, spacing_um=spacing_of_mine, name="01")
print(mine)

# %% [markdown]
# **Exercise 1: which axis is which?** A colleague gives you a file of shape (24, 2, 31, 512, 512), and these notes:
# *two colours; a stack from 0 to 46 µm, every 2 µm; one stack every 10 minutes, from 0 to 300 minutes.* Write one
# letter for each axis, in the file's order: `t` time, `c` channel, `z` plane, `y` row, `x` column, between quotation
# marks, as in `axes_of_mine` at the top.

# %% exercise="axes"
axes = ...

# %%
lesson.axes.check(axes)

# %% [markdown]
# **Exercise 2: how large is a voxel?** The microscope's notes say how many planes there are, where the first and the
# last one lie (in µm), how wide a pixel of the camera is (in µm), how much the lens magnifies, and the *binning*: how
# many camera pixels, along one side, were joined into one. Return the spacing: three numbers, z, y, x, in µm.


# %% exercise="spacing"
def find_spacing_um(planes, first_um, last_um, camera_um, magnification, binning):
    # z: from the first plane to the last, divided by the number of gaps
    # y and x: the width that a camera pixel has in the organoid
    ...


# %%
lesson.spacing.check(find_spacing_um)

# %% [markdown]
# ### See it from three sides
#
# Now the annotations, and the picture that shows at once whether axes and spacing are right. First a guess:

# %%
lesson.wrong_spacing

# %%
marks = read_annotations(folder / "01_GT" / "TRA", spacing_um=spacing_of_mine)
first = mine.time_points[0]
stack, positions = mine.stack(first), marks.positions_at(first)
plots.plot_stack(stack, mine.spacing_um, positions=positions, view="orthogonal", title="as it is")

# %% [markdown]
# **What to see.** Filled marks lie in the slice: each sits in the middle of a bright nucleus. From the side, nuclei are
# about as high as they are wide. Both must hold for your movie.

# %%
too_thin = (0.5, *mine.spacing_um[1:])
plots.plot_stack(
    stack, too_thin, positions=positions, view="orthogonal", title="with 0.5 µm between planes"
)

# %% [markdown]
# **What to see.** The same numbers, but the organoid is flat. From above everything looks fine: that look is not
# enough. A network trained with such a spacing learns coins instead of nuclei.

# %%
turned = positions[:, [0, 2, 1]]  # z, x, y
plots.plot_stack(
    stack, mine.spacing_um, positions=turned, view="orthogonal", title="marks with y and x swapped"
)

# %% [markdown]
# **What to see.** Most marks lie beside nuclei, and a few are right by chance. One program writes x before y, the next
# reads y before x. In a square image all marks stay inside, so `check_annotations` only warns; the doctor of notebook
# 09 names the cause.
#
# ### How large are your nuclei?
#
# Many distances of the kit follow the size of nuclei, such as how near a found position must be to count as right. No
# file says how large they are, so the kit estimates it.

# %%
drawing = figures.plot_nucleus_size(AnnotatedMovie(mine, marks))
print(drawing.description)
drawing

# %% [markdown]
# **What to see.** Each circle goes around one bright nucleus, about at its rim. If yours are twice as large as the
# circles, or half as large, the estimate or the spacing is wrong. Then say what is right: `read_timelapse(…,
# nucleus_diameter_um=12)`.
#
# ## 2. Read annotations
#
# *Skip this if yours open already.* In a dataset of the [Cell Tracking Challenge](https://celltrackingchallenge.net)
# `01` holds the stacks, and `01_GT/TRA` an image for each time point in which every nucleus has a number of its own.
# `man_track.txt` says which number is whose daughter: track, first and last time point, mother (0: none).

# %%
lines = (folder / "01_GT" / "TRA" / "man_track.txt").read_text().splitlines()
print(lines[0], *[line for line in lines if not line.endswith(" 0")][:1], sep="\n")
print(f"{len(marks)} positions, {len(marks.links)} links, {len(marks.divisions())} divisions")

# %% [markdown]
# `read_annotations` also reads files of OrganoidTracker, TrackMate, Fiji, Imaris and others: [which, and what to
# say](https://github.com/organoid-kit/organoid_kit/blob/main/docs/own_data.md#annotations-of-other-programs).
#
# An `.autlist` names movies with their annotations; notebooks 04 to 07 and the command line take it. Where files do not
# say their axes, state them there, too: `read_dataset(…, axes="tzyx")`. Say `whole_image=True` if you annotated every
# nucleus of the image, and `scattered=True` if you annotated only some, here and there: what lies between them then
# counts neither as nucleus nor as background.

# %%
annotated = AnnotatedMovie(mine, dataclasses.replace(marks, name="01"), "t{time:03}.tif")
my_list = Path(output_folder) / "mine.autlist"
write_dataset([annotated], my_list, overwrite=True)
print(read_dataset(my_list, axes=axes_of_mine)[0].movie)

# %% [markdown]
# ## 3. Which channels?
#
# *Skip this if you have only one.* A network is shown one image: one channel, or a sum. Here is a bundled movie with
# three channels. **Guess first:** in which, or in which sum, do most nuclei stand out?

# %%
for choice in [(1,), (2,), (3,), (2, 3), (1, 2, 3)]:
    print(report.score_channels(bundled[0].movie, choice, bundled[0].annotations))

# %% [markdown]
# The dashboard measures the same. Tick channels, and look.

# %%
chooser = ChannelDashboard(bundled[0].movie, bundled[0].annotations)
chooser.channels.value = (2, 3)
chooser

# %%
chooser.plot()

# %% [markdown]
# **What to see.** Each channel by itself, and the sum that was chosen. In a sum all nuclei can be seen, if each shines
# in one of its channels. A channel without nuclei adds nothing but noise, even where the number stays high.
#
# **Exercise 3: sum channels by hand.** `image` has the axes c, z, y, x and is uint16: whole numbers from 0 to 65535.
# `channels` are counted from 1.


# %% exercise="channels"
def sum_channels(image, channels):
    # take the stack of each channel, make its numbers float, add them up
    ...


# %%
lesson.channels.check(sum_channels)

# %% [markdown]
# ## 4. How much annotation is enough?
#
# Not all of it. Annotate a **cuboid** completely (notebook 02), at a few time points: only where everything is marked
# does "no mark" mean "no nucleus". The cuboid is the `region` of the annotations. Outside it nothing is learned, and
# nothing is judged.
#
# How many positions does a given F1 cost? That takes many trainings, so it was measured beforehand
# (`benchmarks/annotations.py`), on the bundled movies. **Guess first:** does F1 rise more from 26 to 114 annotated
# positions, or from 114 to 780?

# %%
table = read_demonstration("annotations")
right = [record for record in table["records"] if not record["error_rate"]]
figures.plot_annotated_positions(right, title="All annotations right")

# %% [markdown]
# **What to see.** Each dot is one training, the line joins their means; the dotted line is the network that came with
# the kit then. Is a line's rise larger than the distance between its dots at one place? If not, these trainings show no
# gain. One annotated time point was enough for an F1 above 0.9, from scratch and fine-tuned: these organoids are easy.
#
# For your movies, measure: train with half of your annotations, then with all.

# %%
lesson.still_rising

# %%
print(table["command"], table["machine"], f"scored on: {table['judged_on']}", sep="\n")

# %% [markdown]
# ## 5. Is it worth it? A fair comparison
#
# Suppose that you annotated three time points of movie 01: two to learn from, one for choosing epoch and threshold.
# Movie 02 is kept back. Four ways to find its nuclei:
# - a **blob detector**, without learning: only its size and threshold are chosen on movie 01,
# - the **shipped** network as it is,
# - a network **from scratch**, on your two time points,
# - the shipped network **fine-tuned** on them.
#
# The shipped network knows good images of invented organoids. Yours are not like that, so we blur the make-believe
# movies and add noise. We chose how much by looking at movie 02 as well, so that there is something to gain: this is an
# example of how to compare, not a measurement of what fine-tuning gains elsewhere.


# %%
def make_poor(movie):
    """The movie as taken by a microscope that blurs, and gets little light."""
    rng = np.random.default_rng(int(movie.name))
    stacks = [
        gaussian_filter(movie.stack(time_point), (1.5, 4, 4)) for time_point in movie.time_points
    ]
    noisy = np.array(stacks) + rng.normal(0, 10, (len(stacks), *movie.shape_zyx))
    return make_timelapse(noisy[:, None].astype(np.float32), movie.spacing_um, name=movie.name)


# %%
other = read_timelapse(folder / "02", axes=axes_of_mine, spacing_um=spacing_of_mine, name="02")
if my_folder is None:
    mine, other = make_poor(mine), make_poor(other)
plots.plot_stack(
    mine.stack(first), mine.spacing_um, positions=positions, view="slice", title="blurred"
)

# %% [markdown]
# **What to see.** The same plane as in section 1. Where does one nucleus end and the next begin? Even for you it is
# hard to say now.

# %%
lesson.fair

# %% [markdown]
# In these movies every nucleus has a mark, so the region is the whole image. We say so (`with_whole_image`): otherwise
# the kit takes the cuboid around the marks. If you annotated a part, pass its corners (z, y, x, in voxels) instead:
# `dataclasses.replace(chosen, region=[(0, 10, 20), (12, 90, 100)])`.


# %%
def choose(movie, annotations, time_points):
    """The marks of some time points, with the region in which no mark is missing."""
    chosen = annotations.select(np.isin(annotations.time_points, time_points))
    return AnnotatedMovie(movie, chosen.with_whole_image(movie.shape_zyx))


# %%
learned, validated = choose(mine, marks, learn_from), choose(mine, marks, validate_at)
truth = choose(
    other, read_annotations(folder / "02_GT" / "TRA", spacing_um=spacing_of_mine), score_at
).annotations
print(f"{len(learned.annotations)} positions to learn from, {len(truth)} to score by")


# %%
def note_score(variant, found, seed=None):
    """Scores on the movie that was kept back, and adds a row to the results table."""
    score = score_positions(truth, found)
    scores = {"F1": score.f1, "precision": score.precision, "recall": score.recall}
    where = f"02 of {folder.name if my_folder else 'make-believe, blurred'}"
    add_result(table_folder, "position", variant, seed, scores, tested_on=where)
    print(f"{variant:14} {score}")


# %%
note_score(
    "blob detector", find_blobs(other, time_points=score_at, **tune_blobs([learned, validated]))
)
network, settings = load_network("position_small")
quiet = {"time_points": score_at, "show_progress": False}
note_score("shipped", predict_positions(network, other, settings.changed(channels=(1,)), **quiet))

# %% [markdown]
# Now the trainings: three of each, with different random numbers (*seeds*), because a single one may be lucky. All see
# the same number of examples. (This is the long cell.) **Guess meanwhile:** in which order will the four come out?

# %%
more = {"epochs": epochs, "patches_per_time_point": patches_per_time_point, "patience": epochs}
more |= {"channels": (1,), "output_folder": output_folder}
plans = {
    "from scratch": make_settings("position", **more),
    "fine-tuned": networks.make_fine_tuning_settings("position_small", **more),
}
keeper = BackupWriter(keeping)
watch = keeper.watch(lambda progress: None)
for seed in seeds:
    for variant, plan in plans.items():
        print(f"seed {seed}, {variant}: training …")
        run = train([learned], [validated], plan.changed(seed=seed), on_progress=watch)
        prediction.choose_threshold(run, [validated], show_progress=False)
        network, settings = load_network(run.folder)
        note_score(variant, predict_positions(network, other, settings, **quiet), seed)
    print(prediction.compare_fine_tuned(run, [validated]))

# %%
results = read_results(table_folder)
results

# %% [markdown]
# The **results table** holds everything you trained in this course: the mean, and the lowest and highest over the
# seeds. Compare only rows that were tested on the same movies.

# %%
figures.plot_results(results)

# %% [markdown]
# **What to see.** A circle for each seed, a stroke at the mean. Where the circles of two rows lie apart, one variant is
# better. Where they mix, you cannot tell: take more seeds, or more positions to score by.
#
# <details><summary><b>What came out when we ran it?</b> (Click for an answer.)</summary>
#
# With the network that came with the kit then: the blob detector and that network were about equally good. The network
# from scratch was worse than both with each of three seeds, the fine-tuned one better than all. Two time points are not
# much to learn everything from; they can be enough to get used to another microscope. Yours may differ: that is why you
# measure.
# </details>

# %% [markdown]
# ## 6. Colab: train where the machine may vanish
#
# *Skip this if you train on your own machine.* Colab lends you a graphics card (*Runtime, Change runtime type*). But it
# disconnects, after some hours or when nobody is watching, and then **all files of that machine are gone**. So set
# `keep_in = "drive"` at the top: every five minutes, and at the end, the run is copied to your Google Drive, as one
# file, wholly or not at all. [How it
# works](https://github.com/organoid-kit/organoid_kit/blob/main/docs/own_data.md#colab).

# %%
lesson.disconnect

# %% [markdown]
# We simulate a disconnect: we delete the last run from this machine, and bring it back.

# %%
keeper.keep(run)  # now also with the threshold that was chosen after the training
for each in list_backups(keeping):
    print(each)
shutil.rmtree(run.folder)

# %%
newest = next(each for each in list_backups(keeping) if each.name == run.folder.name)
back = restore_run(newest, output_folder)
one_more = settings.changed(epochs=epochs + 1, patience=epochs + 1)
back = train([learned], [validated], one_more, resume=back.folder, on_progress=watch)
print(f"{len(back.history)} epochs, the last one after the disconnect")

# %% [markdown]
# Nothing was lost: the history is whole, and the training continued where it was.
#
# ## 7. Without a browser
#
# *Skip this if you have no cluster.* All of this works as commands, too: `python -m organoid_kit train --help`. A file
# for the cluster's queue stands in
# [docs/cluster.md](https://github.com/organoid-kit/organoid_kit/blob/main/docs/cluster.md#train-on-a-cluster).

# %% [markdown]
# ## Summary
#
# - Axes and spacing: state them, then look from three sides with the marks on top.
# - Annotate cuboids completely, in several organoids; keep one organoid back to judge by.
# - Compare on the same movie, with several seeds, next to a method without learning.
# - Keep runs where they outlive the machine; `resume` continues them.
#
# Next: **09 · When it goes wrong**, a gallery of failures, and a doctor who finds them.
