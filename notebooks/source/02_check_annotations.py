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
#     minutes_do: 60
#     minutes_gpu: 1
#     minutes_teach: 30
# ---

# %% [markdown]
# # 02 · Check annotations: find mistakes before the network learns them
#
# **You see how much is annotated, find mistakes, repair some, and save the result as a new file.** At the end you do
# the same with your own movie.
#
# *Goals.* Afterwards you can
# - say whether there are enough annotations to train from scratch,
# - read the list of problems, and find each one in the image,
# - repair annotations without losing the old ones,
# - annotate only a part of a movie, in a way that a network can learn from.
#
# *You need* notebook 00. No network is used here.
#
# *Time.* To teach: 30 minutes. To do: 60 minutes. The computer works for 1 of them on a processor (CPU), for 1 on a
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
# **From memory:** 1. What is a position? 2. What is a link? 3. What is the training loss of a network that learned by
# heart: high or low?
#
# <details><summary>Answers</summary>
#
# 1. The marked centre of a nucleus. 2. It says that two positions are the same nucleus, or mother and daughter. 3. Low.
# </details>

# %% [markdown] tags=["instructor"]
# **For teachers.** *Show live:* sections 1, 2 and 4, and the annotation checker of section 5: choose a problem, fix it,
# undo. *Let them do:* the exercises of sections 3, 6 and 7, in pairs; then their own movies, if they brought some.
#
# *For one hour,* leave out section 3. *Expected questions.* "Why not fix everything automatically?" A rule sees only
# what is unlikely; a person must look to see whether it is wrong. "How many wrong annotations are too many?" See
# notebook 09, where it is measured. "Do I have to mark the nuclei at the border?" Yes, if their centre lies inside the
# cuboid.
#
# *Expected trouble.* Learners' own movies whose spacing is missing or in other units: the error says what to add.

# %%
import dataclasses
from pathlib import Path

import numpy as np
from scipy.spatial import KDTree

from organoid_kit import (
    check_annotations,
    find_samples,
    plots,
    read_annotations,
    read_dataset,
    read_timelapse,
    write_annotations,
)
from organoid_kit.base import find_free_path
from organoid_kit.course.lessons import notebook_02 as lesson
from organoid_kit.dashboards import AnnotationChecker
from organoid_kit.data import AnnotatedMovie, Annotations
from organoid_kit.evaluation import summarise_annotations

# %% tags=["parameters"]
channels = (2, 3)  # which channels show nuclei, counted from 1
time_point = 6
own_movie = None  # for example "my_movie.tif"; None: leave the last section out
own_annotations = None  # for example "my_movie.aut", .csv, .xml, .geff
output_folder = "runs/corrected"

# %% [markdown]
# ## 1. How much is annotated, and is it enough?
#
# Some words first. A *position* is where the centre of a nucleus is at one time point. A *link* joins two positions at
# neighbouring time points: they are the same nucleus, or mother and daughter. Links in a row are a *track*. A position
# with two links forward is a *division*.

# %%
samples = find_samples()
training = read_dataset(samples / "training.autlist")
print(summarise_annotations(training))

# %%
plots.curves.plot_annotation_counts(training)

# %% [markdown]
# **What to see.** Each line is a movie. The number of positions rises because cells divide. Stars mark divisions; a
# number next to a star says how many there are. In `organoid_b` only a part of the image is annotated, so its line is
# lower.
#
# Is it enough? The text below the table tells you. With few annotations it is better to *fine-tune*, which means to
# train a trained network a little further, than to train *from scratch*, which means to begin with an untrained one.
# Notebook 04 does both.

# %% [markdown]
# ## 2. Are they right?
#
# The kit applies more than twenty rules. Each problem says what is wrong, where, and what to do. An *error* is
# certainly wrong. A *warning* only looks wrong: you decide.

# %%
one = training[0]
before = check_annotations(one.annotations, one.movie, channels=channels)
errors = [problem for problem in before if problem.severity == "error"]
print(f"{one.name}: {len(errors)} errors, {len(before)} problems in all")
print(*before, sep="\n")

# %% [markdown]
# This movie is invented, so its annotations are exactly right: there is no error. Warnings, if there are any, are false
# alarms, for example where nuclei are crowded and the brightest place lies between two of them. This is why a warning
# asks you to look, and does not change anything by itself.

# %% [markdown]
# ## 3. A rule, by hand
#
# *Skip this if you do not want to write code:* nothing later depends on it.
#
# How does a program notice that a nucleus was marked twice? Two marks at one time point lie closer together than two
# nuclei can. So we need distances, in µm: voxels are not cubes. Here one is 2 µm deep, but only half a µm wide.
#
# **Exercise 1: a distance.** `first` and `second` are positions (z, y, x) in voxels; `spacing_um` says how many µm a
# voxel measures (z, y, x). Return the distance in µm. (The checker tries it with the spacing of another movie.)


# %% exercise="distance"
def find_distance_um(first, second, spacing_um):
    """How far apart two positions are, in µm."""
    ...


# %%
lesson.distance.check(find_distance_um)

# %% [markdown]
# **Exercise 2: double marks.** `positions` has one row (z, y, x) for each mark at a time point. Return a list of
# pairs of rows, such as `[(0, 3)]`, that lie closer together than `limit_um`. List each pair once, and no row with
# itself.


# %% exercise="doubles"
def find_doubles(positions, spacing_um, limit_um):
    """Pairs of rows that lie closer together than this."""
    ...


# %%
lesson.doubles.check(find_doubles)

# %% [markdown]
# ## 4. Planted mistakes
#
# We damage a copy on purpose. First we delete the position of a nucleus that stands a little apart. Then we mark
# another nucleus twice. Then we check again, and print only the problems that are new. (You do not need to understand
# the code that does the damage.) But guess first:

# %%
lesson.how_many_problems

# %%
truth = one.annotations
rows = truth.rows_at(time_point)
linked = (truth.links_forward() == 1) & (truth.links_backward() == 1)  # not at an end
rows = rows[linked[rows]]
points_um = truth.positions[rows] * one.movie.spacing_um
to_nearest_um = KDTree(points_um).query(points_um, k=2)[0][:, 1]  # the nearest is itself
victim, doubled = rows[to_nearest_um.argmax()], rows[to_nearest_um.argmin()]
spoiled = truth.select(np.arange(len(truth)) != victim)


# %%
def add_position(annotations: Annotations, position: np.ndarray, time_point: int) -> Annotations:
    """One more position (z, y, x) at the end of the list."""
    return dataclasses.replace(
        annotations,
        positions=np.append(annotations.positions, [position], axis=0),
        time_points=np.append(annotations.time_points, time_point),
        properties={key: np.append(values, None) for key, values in annotations.properties.items()},
    )


# %%
spoiled = add_position(spoiled, truth.positions[doubled] + (0, 1.0, 1.0), time_point)
problems = check_annotations(spoiled, one.movie, channels=channels)
new = [problem for problem in problems if problem.message not in {old.message for old in before}]
print(*(f"{problem.rule}: {problem}" for problem in new), sep="\n")

# %%
plots.plot_problems(one.movie, spoiled, problems, time_point, channels)

# %% [markdown]
# **What to see.** Squares are errors, diamonds are warnings, with the same numbers as in the list beside the image. Two
# marks on one nucleus are an error. A nucleus without a mark is only a warning, and only where its light is by itself:
# in a crowd it is taken for a neighbour's light, and the neighbour's mark then seems off-centre.
#
# The list above has more than two new problems, and some of them at other time points: one mistake can show up in
# several places. When a position goes, its links go with it. At which time points does this break a track? One later:

# %%
plots.plot_problems(one.movie, spoiled, problems, time_point + 1, channels)

# %% [markdown]
# **What to see.** One time point later a track begins in the middle of the organoid, and one time point earlier a track
# ends there. Nuclei do not come from nowhere: a position is missing in between.

# %% [markdown]
# ## 5. Repair them
#
# With the mouse first. The *annotation checker* shows the same list; *Check images* adds what only the image can tell.
# Choose a problem: the movie goes there, and its positions are chosen already (clicking on one would deselect it).
# *Delete* deletes the one that was chosen last: for a double mark, the second.
#
# Where one is missing, go to its time point and plane, click into the middle of the nucleus (this puts the crosshair
# there), and press A: it is added, and chosen. Now it needs links: go one time point back, click on the same nucleus
# there, and press L; then go one time point forward from the new one, click on it there, and press L again. Everything
# can be undone. *Save* writes a new file; even without saving, nothing is lost if the computer crashes. (The checker
# cannot tell whether your mark lies exactly in the middle: look from all three sides.)

# %%
file = Path(output_folder) / f"{one.name}_mended_{time_point}.aut"
checker = AnnotationChecker(
    dataclasses.replace(one, annotations=spoiled), channels=channels, output=file
)
checker.browser.time_point.value = time_point  # where the mistakes were planted
checker

# %% [markdown]
# Below is the same as a picture, for print, and for places that show no buttons:

# %%
checker.plot()

# %% [markdown]
# **What to see.** The time point that the checker shows, at first that of the planted mistakes, with its problems,
# numbered as in the list beside it. Choose another problem above, and run the cell again.
#
# Now the same repair in code. This is how you fix a hundred mistakes of one kind.
#
# The missing nucleus must lie between the two loose ends of the track. We put it halfway, and link it to both. Then we
# delete the second mark of the doubled nucleus.

# %%
by_rule = {problem.rule: problem for problem in new}
before_gap, after_gap = by_rule["track_ends_inside"].rows[0], by_rule["track_begins_inside"].rows[0]
halfway = spoiled.positions[[before_gap, after_gap]].mean(axis=0)
repaired = add_position(spoiled, halfway, time_point)
new_links = [(before_gap, len(spoiled)), (len(spoiled), after_gap)]  # the new row is the last one
repaired = dataclasses.replace(repaired, links=np.append(repaired.links, new_links, axis=0))

# %%
second_mark = by_rule["duplicate_position"].rows[1]
repaired = repaired.select(np.arange(len(repaired)) != second_mark)
left = check_annotations(repaired, one.movie, channels=channels)
print(f"{len(left)} problems are left; before we damaged anything there were {len(before)}.")

# %% [markdown]
# Are both numbers the same? Then our two mistakes are gone. But how close is the repair to the truth?

# %%
offset_um = (repaired.positions[-1] - truth.positions[victim]) * one.movie.spacing_um
print(f"The repaired position lies {np.linalg.norm(offset_um):.1f} µm from the true centre.")
print("A nucleus is about 8 µm wide.")

# %% [markdown]
# A nucleus of 8 µm reaches 4 µm from its centre. Below 4 µm the repaired position lies inside the nucleus: good enough
# to find it again, though you should still move it to the middle.
#
# Now we save it, as a new file. Existing files are never overwritten: if the name is taken, we take the next free one.

# %%
file = Path(output_folder) / f"{one.name}_corrected.aut"
file = find_free_path(file) if file.exists() else file
write_annotations(repaired, file)
print(f"{file} holds {len(read_annotations(file))} positions. OrganoidTracker opens it too.")

# %% [markdown]
# ## 6. A mistake in all positions at once
#
# *Skip this if your positions come from OrganoidTracker or from this kit.*
#
# Programs usually count axes in the order z, y, x; many tables are in the order x, y, z. Guess first:

# %%
lesson.swapped_axes

# %%
swapped = dataclasses.replace(truth, positions=truth.positions[:, ::-1])
for problem in check_annotations(swapped, one.movie, channels=channels):
    print(problem)

# %% [markdown]
# One problem, with its reason. A mix-up of µm and voxels is found in the same way, if it moves positions out of the
# movie. If y and x are swapped in a square image, all positions stay inside. Then you see a different sign: very many
# warnings that positions are not in the middle of a bright nucleus.

# %% [markdown]
# **Exercise 3: a table from another program.** It has one row for each nucleus, and the columns x, y, z in µm. Turn it
# into positions as the kit wants them: z, y, x in voxels. `spacing_um` is z, y, x, as always here.


# %% exercise="table"
def convert_table(table_xyz_um, spacing_um):
    """Positions z, y, x in voxels, one row for each nucleus."""
    ...


# %%
lesson.table.check(convert_table)

# %% [markdown]
# ## 7. Annotate only a part
#
# You do not have to annotate a whole organoid. Annotate a *cuboid*, a box with straight walls, **completely**: inside
# it, anything without a mark counts as "no nucleus". What lies outside is ignored, in training and in scores. Which
# cuboid? At each time point the kit takes the smallest one around all positions, as here, unless the annotation file
# states one.

# %%
part = training[1]
plots.plot_stack(
    part.movie.stack(time_point, channels),
    part.movie.spacing_um,
    positions=part.annotations.positions_at(time_point),
    title=f"{part.name}: annotated only in a part",
)

# %% [markdown]
# **What to see.** On one side every nucleus is marked, on the other side none. The network learns only from the side
# with marks. At the wall between the two, tracks begin and end as nuclei cross it; the check may warn there, as it did
# in notebook 00. Look at such a warning once, and leave it.
#
# **Exercise 4: the cuboid.** `positions` are the marks of one time point, a row (z, y, x) for each. Return the two
# corners of the smallest box around them: first the one with the low numbers, then the one with the high ones.


# %% exercise="cuboid"
def find_cuboid(positions):
    """The low corner and the high corner, z, y, x each."""
    ...


# %%
lesson.cuboid.check(find_cuboid)

# %%
low, high = part.annotations.annotated_region(time_point)
print("annotated from", low.round(), "to", high.round(), "(z, y, x, voxels)")
problems = check_annotations(part.annotations, part.movie, channels=channels)
missing = [problem for problem in problems if problem.rule == "nucleus_missing"]
print(f"{len(missing)} nuclei are reported as missing: those outside do not count.")

# %%
lesson.scattered_marks

# %% [markdown]
# ## 8. Your own movie
#
# Put the names of your files into `own_movie` and `own_annotations` at the top, and the channels that show nuclei into
# `channels`. Run that cell, and then the one below this text. Put the files next to this notebook, or give their full
# path. On Colab, first drag them into the list of files on the left. If something in the files is unclear, such as the
# spacing (how many µm a voxel measures), an error says what to add.
#
# No movie of your own? Then just read on: without names, the cell does nothing.

# %%
if own_movie and own_annotations:
    movie = read_timelapse(own_movie)
    mine = AnnotatedMovie(movie, read_annotations(own_annotations))
    print(summarise_annotations([mine]))
    print(*check_annotations(mine.annotations, movie, channels=channels), sep="\n")

# %% [markdown]
# ## Summary
#
# - Count first. As a rule of thumb, a few hundred positions are enough to fine-tune. To train from scratch you need
#   several thousand, from several movies. (That is for real movies. Our invented ones are alike and clean: fewer will
#   do.)
# - Then check. OrganoidTracker's author saw that as little as 1 % of wrong annotations weakens a network. (On our
#   small, easy movies no such cost could be measured: notebook 09.)
# - Repair into a new file. Annotate small parts, but completely.
#
# Next: 03, preview augmentation.

# %%
lesson.two_hours

# %% [markdown]
# **For those who want more.** Damage a copy as in section 4, check it, and see which problems are new.
# 1. Move one position by 12 voxels in y. Which rule finds it? And if you move it by 3 voxels?
#    `moved = truth.positions.copy(); moved[victim] += (0, 12, 0)`, then `dataclasses.replace(truth, positions=moved)`
# 2. Turn one link around. Which rule finds it?
#    `turned = truth.links.copy(); turned[0] = turned[0][::-1]`, then `dataclasses.replace(truth, links=turned)`
# 3. Delete all positions of time point 6. What is reported now, and why is no nucleus reported missing?
#    `truth.select(truth.time_points != 6)`
#
# <details><summary><b>Am I right?</b> (Click for answers.)</summary>
#
# 1. 12 voxels are 6 µm, more than half a nucleus: expect `off_centre` (or `duplicate_position`, if it lands on a
#    neighbour). 3 voxels are 1.5 µm, still well inside the nucleus: expect nothing. No rule sees small slips.
# 2. `link_not_forward`, an error: links must go forward in time.
# 3. `time_point_without_annotation`: tracks are broken. Nuclei are only reported missing at time points that have
#    positions. A time point without any counts as "nobody looked", not as "no nuclei".
# </details>
