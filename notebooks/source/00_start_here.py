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
#     minutes_do: 25
#     minutes_gpu: 1
#     minutes_teach: 15
# ---

# %% [markdown]
# # 00 · Start here: from a movie to its nuclei
#
# **A growing organoid, and three neural networks that follow each of its nuclei: in ten notebooks you will make this.**
#
# ![A film: an organoid grows; each nucleus has a coloured dot and a tail, each family one colour.](attachment:film.gif)
#
# The networks had never seen this movie. Today you go through the whole process once: you open a movie, look at it,
# check its annotations, train a small network for a moment, let a trained one find the nuclei, and measure how good
# it is.
#
# *Goals.* Afterwards you can say
# - what a movie, a stack, a channel and a position are,
# - what goes into the network and what comes out,
# - how to measure whether the network is right.
#
# *You need* nothing but this page. Press Shift+Enter to run a cell and move on to the next one. You cannot break
# anything. Short of time? You can leave out sections 3 and 8. (Three dots stand for folded code: it installs and
# imports, and you need not read it.)
#
# *Time.* To teach: 15 minutes. To do: 25 minutes. The computer works for 2 of them on a processor (CPU), for 1 on a
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

# %% [markdown] tags=["instructor"]
# **For teachers.** *Show live:* sections 1, 2 and 6, in five minutes, without explaining any code. Then let them do the
# notebook on their own, in pairs.
#
# *Expected questions.* "Do I have to understand the code?" No: read the text, run the cells, look at the pictures.
# "Something red appeared": messages from TensorFlow. "My numbers differ from my neighbour's": a different kind of
# processor rounds a little differently.
#
# *Expected trouble.* Cells run out of order: *Restart and run all* fixes it. The first import takes ten seconds or
# more. On Colab the first cell takes a minute.

# %% [markdown]
# The next cell, folded too, imports what we need from the kit. It takes about ten seconds.

# %%
from organoid_kit import (
    check_annotations,
    find_samples,
    load_network,
    plots,
    predict_positions,
    prediction,
    read_dataset,
    score_positions,
    train,
)
from organoid_kit.base import NetworkSettings
from organoid_kit.course.lessons import notebook_00 as lesson
from organoid_kit.dashboards import StackBrowser
from organoid_kit.evaluation import find_blobs, summarise_annotations, tune_blobs
from organoid_kit.examples import PreparedMovies
from organoid_kit.networks import list_shipped_networks

# %% [markdown]
# You can change these numbers. Then run all the cells below again.

# %% tags=["parameters"]
channels = (2, 3)  # which channels show nuclei, counted from 1
time_point = 6  # which moment of the movie to look at
epochs = 3  # how often the network goes through the examples
patches_per_time_point = 2  # how many examples each moment gives
output_folder = "runs"

# %% [markdown]
# ## 1. Open a movie
#
# A movie is a series of *stacks*, one for each *time point*. A stack is a 3D image: planes (z) of rows (y) and
# columns (x). Its pixels are called *voxels*. A *channel* is one colour of light.
#
# Four small movies come with the kit. They were invented by a computer, so we know exactly where each nucleus is.
# - Two are for *training*: the network learns from them.
# - One is for *validation*: during training, it tells us how well the network does on a movie that it does not learn
#   from.
# - One is for the *test* at the very end. You may look at it, as we do now. The network must not learn from it.

# %%
samples = find_samples()
training = read_dataset(samples / "training.autlist")
validation = read_dataset(samples / "validation.autlist")
test = read_dataset(samples / "test.autlist")
print(test[0].movie)

# %% [markdown]
# Here is your first question. It comes before you can see the answer: run the cell, guess, then run the next cell and
# look. Choose with the mouse, or with Tab and the space bar. (If you see no buttons, write your choice after the
# question, as in `lesson.which_channels.check("a")`, and run the cell again.)

# %%
lesson.which_channels

# %%
plots.images.plot_channels(test[0].movie, time_point, [(1,), (2,), (3,), (2, 3)])

# %% [markdown]
# **What to see.** Channel 1 is ordinary light: shapes, but no clear nuclei. Channels 2 and 3 each show some of the
# nuclei: channel 2 those in G1, channel 3 those in S, G2 and M. Only the sum of the two shows all of them. This is why
# the kit can add channels up before a network sees them.

# %% [markdown]
# ## 2. Look at the annotations
#
# The centre of every nucleus is marked: these marks are the *annotations*, and each mark is a *position*. In your own
# movies a person places them; here the program that invented the movie did. A network learns from them, so they must be
# right.

# %%
one = training[0]
stack = one.movie.stack(time_point, channels)
positions = one.annotations.positions_at(time_point)
plots.plot_stack(stack, one.movie.spacing_um, positions=positions, title=one.name)

# %% [markdown]
# **What to see.** Every nucleus has one orange ring. Nuclei that lie above each other seem to overlap, because we look
# through the whole stack from above. The bar gives the scale.

# %% [markdown]
# A picture from above hides what lies below. Here is the same movie for you to browse. Move the sliders: *Time point*,
# and *Plane z* for going up and down. Or click on the picture and use the arrow keys.

# %%
browser = StackBrowser(one.movie, {"annotated": one.annotations}, channels=channels)
browser.time_point.value = time_point
browser

# %% [markdown]
# You can also keep what it shows as a picture. (If you see no sliders above, this is what they would show.)

# %%
browser.plot()

# %% [markdown]
# **What to see.** One plane of one stack. Large, bright rings are nuclei whose centre lies in this plane; small, faint
# ones lie up to three planes above or below. Go through the planes: each nucleus gets larger, then smaller, and its
# ring is largest where its centre is. The line behind a ring, its *tail*, is the path the nucleus took; a star marks a
# nucleus that divides before the next time point. *Gamma* makes dim things brighter or darker.

# %% [markdown] tags=["instructor"]
# **For teachers.** Let them find a division: go through the time points until one mark becomes two. Whoever finds one
# gives the time point and plane, and everyone looks at it.

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
# **What to see.** Some problems in `organoid_b`, none in the other. These annotations are exact, so they are false
# alarms: only a part of `organoid_b` is annotated, and where that part ends, nuclei seem to come from nowhere and to
# vanish. Notebook 02 shows how to look at each one, and how to repair real mistakes.
#
# The table counts positions and *links*. A link says that two positions at neighbouring time points are the same
# nucleus. *Part of image* is how much of the image lies in the annotated box. The advice below it is meant for real
# work: to train *from scratch* is to begin with an untrained network, to *fine-tune* is to train a trained one a little
# further. We now train from scratch, just to see how it goes.

# %% [markdown]
# ## 4. Train for a moment
#
# The network sees small pieces of stacks (*patches*). Its task is to draw a dot at each nucleus centre. A patch with
# its right answer is an *example*.
#
# The network starts with random numbers inside. It looks at four examples at a time (a *batch*). Then its numbers are
# changed a little, so that its drawing gets closer to the right answer: this is one *step*. One *epoch* is one pass
# through all the examples.

# %%
lesson.three_epochs

# %%
settings = NetworkSettings(
    channels=channels,
    epochs=epochs,
    patches_per_time_point=patches_per_time_point,
    output_folder=output_folder,
)
run = train(training, validation, settings)

# %%
plots.plot_history(run.history, title="A moment of training")

# %% [markdown]
# **What to see.** Left, the *loss* says how wrong the network is. Both lines should fall: it is learning. Right, *F1*
# says how well it finds nuclei; section 7 explains it, 1 would be perfect. Three epochs are not enough: it is far from
# done.

# %%
lesson.test_movie

# %% [markdown]
# ## 5. Take a trained network
#
# So that you do not have to wait, the kit comes with a network that was trained for longer. It learned from 206 other
# invented movies, 70 of them of organoids. We tried it on 10 invented organoids that it had never seen: 99.9 % of what
# it found was right, and it found 98.5 % of the nuclei. On real movies expect less, until it has seen some of them
# (notebook 04).
#
# (If your copy of the kit has no trained network, we continue with the one you have just trained. Its results are
# poor.)

# %%
shipped = list_shipped_networks()
network, settings = load_network("position_small" if shipped else run.folder)
settings = settings.changed(channels=channels)
print("The network", "that comes with the kit." if shipped else "that you have just trained.")

# %% [markdown]
# ## 6. Find the nuclei
#
# The network has never seen the test movie. It looks at three time points together: before, now, after. For each place
# it gives a *probability*, from 0 to 1, that a nucleus centre is there. A place counts as a found position if its
# probability is higher than everywhere around it, and above a limit, the *threshold*.

# %%
movie, truth = test[0].movie, test[0].annotations
truth = truth.select(truth.time_points == time_point)
found = predict_positions(network, movie, settings, time_points=[time_point])
window = PreparedMovies([movie], settings).window(0, time_point)  # before, now, after
heat = prediction.predict_heat(network, window, settings)

# %%
stack = movie.stack(time_point, channels)
plots.plot_prediction(stack, heat, truth.positions, found.positions, movie.spacing_um)

# %% [markdown]
# **What to see.** On the left the image, on the right the probabilities. Rings are right, triangles were missed,
# crosses are not nuclei. How many of each there are is written below the figure.

# %% [markdown]
# ## 7. How good is it?
#
# A found position is right if it lies within 5 µm of a true one, matched one to one.
# - **Precision**: what fraction of what was found is right?
# - **Recall**: what fraction of the true nuclei was found?
# - **F1** is high only if both are high. 1 is perfect, 0 is useless.
#
# Example: there are 10 nuclei; 8 of them are found, along with 2 places that are not nuclei. Then precision is 8 of 10
# = 0.8, and recall is 8 of 10 = 0.8.
#
# **Exercise 1: precision.** Your turn. There are 15 nuclei. A network makes 12 marks, and 9 of them are right. What is
# its precision? Write it in place of the three dots, for example as `1 / 2`. Run the cell, then the one below it: it
# checks your answer.

# %% exercise="precision"
precision = ...

# %%
lesson.precision.check(precision)

# %% [markdown]
# You can ask for help as often as you like. `lesson.precision.hint()` gives a hint, and the next one when you run it
# again. `lesson.precision.puzzle()` gives lines to choose from, `lesson.precision.solution()` shows the answer. Write
# one of them into the cell with the check, in place of `lesson.precision.check(precision)`, and run that cell.
#
# **Exercise 2: recall.** What is its recall?

# %% exercise="recall"
recall = ...

# %%
lesson.recall.check(recall)

# %%
lesson.marks_everything

# %% [markdown]
# A number alone says little. So we also ask: how good is a simple method that does not learn at all? It looks for
# bright blobs. How large and how bright they must be was chosen on the training movies.

# %%
chosen = tune_blobs(training, channels=channels, diameters_um=(7, 8, 9))
blobs = find_blobs(movie, time_points=[time_point], **chosen)
print("network:", score_positions(truth, found))
print("blobs:  ", score_positions(truth, blobs))

# %% [markdown]
# **What to see.** Compare the two values of F1. Don't read much into a small difference: with some forty nuclei, one
# mistake more or less changes F1 by about 0.01. (*Ignored* counts positions found where nobody annotated.)
#
# Why train a network, if looking for bright blobs does just as well? Here nuclei stand out from a dark background. In
# dim or blurred movies a network can learn from your annotations, and a blob detector cannot: notebooks 04 and 08
# compare the two. And a method that only looks for blobs cannot tell which nuclei divide. Only annotations of *your*
# movies can tell how good a network is on them.

# %% [markdown]
# ## 8. Try it
#
# Set `time_point` to 0 and to 11 at the top and run all cells again (in JupyterLab: *Run*, *Run All Cells*; on
# Colab: *Runtime*, *Run all*). Is the network better when there are fewer nuclei? Which nuclei does it miss?
#
# <details><summary><b>How do I know?</b> (Click for an answer.)</summary>
#
# Compare the two lines that begin with "network:". If F1 differs by less than two or three nuclei would change it, say
# "I cannot tell": that is then the right answer. For the second question look at the triangles. Are they where nuclei
# touch, or where the image is dim? If there is no triangle, it misses none.
# </details>

# %% [markdown]
# ## Summary
#
# You opened a movie, looked at it, checked its annotations, and trained a network for a moment. Then you found nuclei
# with a trained one, and scored it on a movie it had never seen, beside a simple method. That is the whole process; the
# other notebooks go through it slowly.
#
# | next | what it is about |
# | --- | --- |
# | 01 background | how a network learns, and what it sees |
# | 02 check annotations | find and repair mistakes, on your own movie too |
# | 03 preview augmentation | how examples are varied, and when that goes too far |
# | 04, 05, 06 train the three networks | train properly, and judge the result |
# | 07 predict and track | from a movie to lineages |
# | 08 your own data | the same with your movies |
# | 09 when it goes wrong | what can go wrong, and how to find out |
# | 10 change the network | look inside one, and build your own |
#
# Before 01, if you have never written code: [ten minutes of
# Python](https://github.com/organoid-kit/organoid_kit/blob/main/docs/python.md).
