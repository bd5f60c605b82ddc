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
#     minutes_do: 90
#     minutes_cpu: 7
#     minutes_gpu: 5
# ---

# %% [markdown]
# # 06 · Train a link network: is this the same nucleus?
#
# **You train the network that follows nuclei over time, and write the calls of each step yourself.**
#
# *Goals.* Afterwards you can
# - go through the seven steps of a training on your own,
# - find candidate links,
# - link by distance alone, and know when that is enough,
# - say what a link network is shown, and what must be varied together,
# - count wrong links per 1000.
#
# *You need* notebooks 00 to 05.
#
# *Time.* To teach: 50 minutes. To do: 90 minutes. The computer works for 7 of them on a processor (CPU), for 5 on a
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
# **From memory:** 1. Why is a threshold chosen on validation movies? 2. What does calibration change? 3. Why never
# judge rare things by accuracy?
#
# <details><summary>Answers</summary>
#
# 1. Chosen on test movies, the score would be too good. 2. Probabilities, not their order. 3. Always saying no would
#    win.
# </details>

# %%
import inspect

import numpy as np
from IPython.display import Code
from scipy.spatial import KDTree

# %%
from organoid_kit import (
    base,
    course,
    data,
    evaluation,
    make_settings,
    networks,
    plots,
    read_dataset,
    train,
)
from organoid_kit.course.lessons import notebook_06 as lesson
from organoid_kit.dashboards import AugmentationPreview
from organoid_kit.examples import LinkExamples, draw_augmentation, link
from organoid_kit.prediction import calibrate_network, predict_links
from organoid_kit.tracking import build_tracks, linking, motion
from organoid_kit.training import compare_runs, estimate_training

# %% [markdown]
# You can change these numbers. Your own movies, named in `.autlist` files, must have linked annotations.

# %% tags=["parameters"]
training_list = None  # for example "my_movies/training.autlist"; None: the bundled movies
validation_list = None
test_list = None
channels = (2, 3)  # which channels show nuclei, counted from 1
neighbours = 6  # at most this many candidates for each nucleus, forwards and backwards
remove_drift = True  # whether the movement of all nuclei together is taken out first
skip = 2  # training sees movements over up to this many time points
fast = {
    "rotation_degrees": 13,
    "drift_um": 3.0,
    "time_points": 12,
}  # movement of the fast movies per time point
epochs = 12
pairs_per_time_point = 64
output_folder = "runs"

# %% [markdown]
# ## The seven steps, on your own
#
# Data, examples, settings, training, curves, judging, keeping. Each step says what to do and you write the call;
# notebooks 04 and 05 show how it was done there. Each call has `.check(…)`, `.hint()` and `.solution()`. The notebook
# continues with yours if it is right, and with the kit's if it is not.

# %% [markdown] tags=["instructor"]
# **For teachers.** Here learners find out whether they can do it. Talk for ten minutes (candidates, what a pair is, the
# table of step 6), then let them work, and walk around. Send those who get stuck to the same step of notebook 04, not
# to the solution.
#
# Plan of 50 minutes: step 1 15, step 2 10, steps 3 and 4 10, step 6 15. Start the training by minute 25. If time is
# short, set `epochs = 4`: the last table then shows little gain over distances, and that is worth discussing, too.

# %% [markdown]
# ## 1. Look at the data
#
# The position network has found the nuclei of each time point. Which nucleus of one time point is which nucleus of the
# next? A *link* joins the two. A mother has links to both of her daughters.

# %%
samples = data.downloads.find_samples()
training = read_dataset(training_list or samples / "training.autlist")
validation = read_dataset(validation_list or samples / "validation.autlist")
slow_movie = read_dataset(test_list or samples / "test.autlist")[0]
print(*(one.movie for one in [*training, *validation, slow_movie]), sep="\n")

# %% [markdown]
# All these movies are slow: they were filmed often enough. We make two fast ones: organoids that turn and drift more
# from one time point to the next. One joins the validation movies, the other is for the test.

# %%
movie_settings = course.synthetic.SyntheticSettings(
    shape_zyx=(20, 112, 112), nuclei=30, photons=100, **fast
)
also_fast, fast_movie = (
    data.AnnotatedMovie(*course.synthetic.make_synthetic_movie(movie_settings, seed, "fast"))
    for seed in (30, 31)
)
validation = [*validation, also_fast]
movies = {"slow": slow_movie, "fast": fast_movie}
print(movies["fast"].movie, f"{len(fast_movie.annotations.links)} true links", sep="\n")

# %% [markdown]
# ### Candidates
#
# A nucleus does not jump across the organoid. So we need not ask about all pairs: *candidates* are those near each
# other.
#
# **Exercise 1: candidates.** Find all pairs of a position of one time point and one of the next that are at most
# `max_distance_um` apart. Positions come in voxels, z, y, x.


# %% exercise="pairs"
def find_pairs(first, second, spacing_um, max_distance_um):
    # return a list of pairs (row of first, row of second)
    ...


# %%
lesson.pairs.check(find_pairs)

# %% [markdown]
# Of these the kit takes only the few nearest ones, forwards and backwards. Before it measures distances, the *drift*,
# the movement of all nuclei together, is taken out; it is found from the positions alone. The fraction of true links
# among the candidates is the *candidate recall*.
#
# **Guess first:** how many candidates are there for each true link, on average?

# %%
options = {"neighbours": neighbours, "remove_drift": remove_drift}
for name, one in movies.items():
    recall = linking.compute_candidate_recall(one.annotations, **options)
    share = len(linking.find_candidates(one.annotations, **options).links) / len(
        one.annotations.links
    )
    print(
        f"{name}: {recall:.1%} of the true links are among the candidates; {share:.1f} candidates for each"
    )

# %%
lesson.ceiling

# %% [markdown]
# ### How far do you get with distances alone?
#
# Two methods that look at no image:
# - **Nearest**: each nucleus comes from the nearest one at the time point before.
# - **Optimal assignment**: as many one-to-one links as possible, and of all ways to do that, the one with the shortest
#   links altogether.
#
# Nearly all links are right. So we count mistakes: wrong links per 1000 drawn, missed links per 1000 true.

# %%
by_distance = {
    name: {
        "nearest": linking.link_nearest(one.annotations, remove_drift=remove_drift),
        "optimal assignment": linking.link_optimally(one.annotations, remove_drift=remove_drift),
    }
    for name, one in movies.items()
}
for name, choices in by_distance.items():
    for method, links in choices.items():
        print(f"{name} movie, {method}: {evaluation.score_links(movies[name].annotations, links)}")


# %%
def plot_links(time_point: int) -> plots.Drawing:
    """True links to the next time point, and the wrong ones that the nearest position suggests."""
    figure = plots.draw_figure(10, 5.2)
    figure.description = (
        f"True links of the slow and the fast movie at time point {time_point}, and wrong ones."
    )
    for axes, (name, one) in zip(figure.subplots(1, 2), movies.items()):
        truth, drawn = one.annotations, by_distance[name]["nearest"]
        axes.imshow(one.movie.stack(time_point, channels).max(axis=0), cmap="gray")
        wrong = drawn.links[~np.isin(drawn.links @ [len(truth), 1], truth.links @ [len(truth), 1])]
        for links, colour, width in ((truth.links, "#56B4E9", 0.008), (wrong, "#E69F00", 0.004)):
            links = links[truth.time_points[links[:, 0]] == time_point]
            starts, ends = truth.positions[links[:, 0], 1:], truth.positions[links[:, 1], 1:]
            arrows = {"angles": "xy", "scale_units": "xy", "scale": 1}
            arrows |= {"width": width, "color": colour}
            axes.quiver(*starts.T[::-1], *(ends - starts).T[::-1], **arrows)
        axes.set(title=f"{name} movie", xticks=[], yticks=[])
    return figure


# %%
lesson.daughters

# %%
plot_links(time_point=2)

# %% [markdown]
# **What to see.** Seen from above, drift included. Thick blue arrows are true links, thin orange ones wrong links that
# "nearest" drew. In the slow movie blue arrows are short; only daughters go far. In the fast movie they are long, and
# point in different directions: the organoid turns. A drift can be taken out at once; a turn moves each place
# differently. Where nuclei move far, the nearest one is often wrong.
#
# Why is the slow movie so easy? Compare how far a nucleus moves with how far away its nearest neighbour is:

# %%
for name, one in movies.items():
    truth = one.annotations
    steps_um = np.linalg.norm(
        motion.compute_displacements(truth, truth.links, motion.estimate_drift(truth)), axis=1
    )
    points_um = truth.positions * truth.spacing_um
    trees = [KDTree(points_um[truth.rows_at(each)]) for each in truth.annotated_time_points]
    nearest_um = np.concatenate([tree.query(tree.data, 2)[0][:, 1] for tree in trees])
    far = np.mean(steps_um > np.median(nearest_um) / 2)
    print(
        f"{name} movie: nuclei move {np.median(steps_um):.1f} µm, drift taken out; their nearest neighbour is"
    )
    print(
        f"{np.median(nearest_um):.1f} µm away (medians). {far:.0%} of the links are longer than half of that."
    )

# %% [markdown]
# As long as nuclei move less than half the distance to their neighbour, the nearest one is the right one, and a link
# network has nothing to gain. So the cheapest way to better tracks is to film more often. Where that harms the cells,
# or where the organoid turns and grows fast, you have to look.

# %% [markdown]
# ## 2. See the examples
#
# A person would look at both nuclei and their surroundings. The network is shown just that:
# - a crop around the **first** nucleus: its own time point, and the next one at the same place,
# - a crop around the **second** nucleus: the time point before at the same place, and its own,
# - the **displacement** from one to the other in z, y, x, drift taken out,
# - in each crop three *coordinate channels*: how far each voxel is from the other nucleus, along z, y and x. They tell
#   the network *where* to look for it.
#
# Out comes one number from 0 to 1.

# %%
usual = make_settings("link", channels=channels)
network = networks.build_link_network(usual)
for name, each in zip(("first crop ", "second crop", "displacement"), network.inputs):
    print(f"in:  {name} {tuple(each.shape)}")
print("out: (batch, probability) =", network.output_shape)

# %% [markdown]
# ### See the network
#
# *Skip this if you only want to use the network.* You know everything it is made of except `_make_encoder`, which wraps
# `encode_crop` into a small network of its own.

# %%
parts = networks.build_link_network, networks.blocks.encode_crop
Code("\n\n".join(map(inspect.getsource, parts)), language="python")

# %% [markdown]
# **Read it from top to bottom:**
# 1. `surroundings` looks at one crop and says in 48 numbers what it sees. It is *one* network, used twice: both crops
#    are judged by the same eye. (The second crop is mirrored in time first.)
# 2. `both` looks at the two nuclei laid on top of each other, like two slides: do they match?
# 3. `Concatenate` joins all this with the displacement, and with its size in each direction (`absolute`). Two dense
#    layers weigh it, and a sigmoid makes a probability of it.

# %% [markdown]
# As with divisions, examples are drawn by kind: hard ones come up more often than in the movies.

# %%
examples = LinkExamples(training, usual)
in_movies = np.bincount(examples.kinds, minlength=4)
in_epoch = np.bincount(examples.kinds[examples.order(epoch=0)], minlength=4)
kinds = ("same, hard (division, crowd, fast)", "same", "other, near", "other, farther away")
for name, there, shown in zip(kinds, in_movies, in_epoch):
    print(f"{name:35} {there:4} among the candidates, shown {shown:3} times in an epoch")

# %%
# variations that move the second nucleus are off, see below
still = base.AugmentationSettings(jitter_um=None, drift_um=None, turn_degrees=None, skip=None)
bare = usual.changed(augmentation=still)
plain = LinkExamples(training, bare, augment=False)
lengths_um = np.linalg.norm(plain.displacements_um[:, 1:], axis=1)  # in the plane
chosen = [int(np.argmax(np.where(plain.kinds == kind, lengths_um, -1))) for kind in range(4)]
plots.plot_pairs([plain.example(place, (0,)) for place in chosen], bare)

# %% [markdown]
# **What to see.** Four candidates, for each kind the one that goes farthest in the plane. Above is the earlier nucleus
# in the middle of its crop, below the later one in its own. The arrow leads from one to the other; a ring alone stands
# for a short move. Compare the neighbours: the same nucleus has the same ones, at about the same places. If it is
# another one, the lower picture is shifted: the old nucleus, with all its neighbours, lies at the tail of the arrow.

# %% [markdown]
# ### One matrix for both
#
# If the images are turned and the displacement is not, the network learns nonsense: the number says "it went right",
# the image shows "it went up". So one *matrix* (notebook 03) turns, mirrors and scales crops, displacement and
# coordinate channels.

# %%
previewed = LinkExamples(training, bare)
place = chosen[2]
varied = [previewed.example(place, (usual.seed, number)) for number in range(4)]
plots.plot_pairs(varied, bare, names=[f"seed {usual.seed}, {number}" for number in range(4)])

# %% [markdown]
# **What to see.** The third pair of the figure above, four times. Both pictures in a column are varied alike, and the
# arrow with them: it leads to the same neighbour in each column. You do not have to trust your eyes: the new
# displacement must be the matrix times the old one.

# %%
augmentation = draw_augmentation(bare.augmentation, np.random.default_rng(usual.seed))
before = plain.example(place, (0,)).displacement
after = previewed.example(place, (0,), augmentation).displacement
print("before:           ", before.round(2), "voxels (z, y, x)")
print("after:            ", after.round(2))
print("matrix × before:  ", (augmentation.matrix @ before).round(2))

# %%
lesson.flipped

# %% [markdown]
# Training adds more, so that the network sees fast movements although its movies are slow: the sample drifts and turns
# (`drift_um`, `turn_degrees`), nuclei are off-centre (`jitter_um`), time points are left out (`skip`). Switch them on
# and off:

# %%
preview = AugmentationPreview(training, usual)
preview.variations.value = 3
preview

# %% [markdown]
# ## 3. Choose settings and see what it will cost
#
# **Exercise 2: settings.** Make settings for a link network, and call them `my_settings`. Take the numbers from the
# top: `channels`, `epochs`, `output_folder`, `remove_drift`; `neighbours` is called `link_neighbours` here, and
# `pairs_per_time_point` is called `patches_per_time_point`.

# %% exercise="settings"
my_settings = ...

# %%
lesson.settings.check(my_settings)

# %%
numbers = {
    "channels": channels,
    "link_neighbours": neighbours,
    "remove_drift": remove_drift,
    "epochs": epochs,
}
numbers |= {"patches_per_time_point": pairs_per_time_point, "output_folder": output_folder}
settings = lesson.choose_settings(my_settings, **numbers)
settings = settings.changed(augmentation=base.AugmentationSettings(skip=skip))

# %%
for name in ("surroundings", "comparison"):
    print(f"{name}: {network.get_layer(name).count_params():,} numbers to learn")
print(f"the whole network: {network.count_params():,}")
print(estimate_training(settings, training))

# %% [markdown]
# ## 4. Train
#
# After each epoch the network is judged on the validation movies, and the best epoch is kept. Why is it good to have a
# fast movie among them? **Think before you train:**

# %%
lesson.early_star

# %% [markdown]
# **Exercise 3: a training.** Train with the `settings` of step 3, and call the run `my_run`. It takes a few minutes. If
# you leave it open, a cell below does the training. (`help` tells you what goes inside the brackets; anything with a
# `=` after its name can be left out. If an error comes up, its last line says why.)

# %%
help(train)

# %% exercise="training_run"
my_run = ...

# %%
lesson.training_run.check(my_run)

# %%
run = lesson.choose_run(my_run, training, validation, settings)

# %% [markdown]
# ## 5. Read the curves
#
# **Guess first:** will average precision start low or high?

# %%
plots.plot_history(run.history)

# %% [markdown]
# **What to see.** Average precision is soon high: most wrong candidates are easily told from right ones by their
# distance. What it gains later are the hard ones. When only the training loss still falls, the network learns by heart.
#
# (To change the network, its loss or its variations, see notebook 04: it works here, too.)

# %% [markdown]
# ## 6. Judge on held-out data, against the baseline
#
# **Guess:** will the network say "same" too often or too rarely? Half of its training pairs were the same nucleus.
# Among the candidates, about one in six is.
#
# We calibrate, as in notebook 05. Tracking weighs probabilities of divisions and links against each other, so they must
# be right, not just in the right order.

# %%
result = calibrate_network(run, validation)
network, settings = networks.saving.load_network(run.folder)
print(result)
print(f"slope {result.calibration.slope:.2f}, intercept {result.calibration.intercept:.2f}")
plots.probabilities.plot_reliability(result.after, result.before)

# %% [markdown]
# **What to see.** Before calibration the points lie below the diagonal: of the candidates that it gives, say, 0.7,
# fewer than 70 % are the same nucleus. A negative intercept corrects that. The bins in the middle hold few candidates,
# and their points may be far off by chance.

# %% [markdown]
# ### From probabilities to tracks
#
# A nucleus comes from only one place, so somebody has to choose. `build_tracks` does, in one of three ways:
# - **greedy**: takes the most probable link, then the next one that is still possible, and so on,
# - **assignment**: the best choice for each pair of time points by itself,
# - **optimal** (the default): the most probable story of the whole movie, with divisions, beginnings and ends (notebook
#   07).
#
# **Exercise 4: tracks.** Ask your `network` about the links of `fast_movie`, choose among them, and call the result
# `my_tracks`. This takes two calls: `predict_links`, called as `predict_divisions` was in notebook 05, and
# `build_tracks`, which takes what the first one returns.

# %% exercise="tracks"
my_tracks = ...

# %%
lesson.tracks.check(my_tracks)

# %%
tracks = lesson.choose_tracks(my_tracks, network, fast_movie, settings)

# %% [markdown]
# ### Wrong links per 1000
#
# **Exercise 5: wrong links.** Of the links that were drawn, what fraction is not true? Return that fraction times 1000.


# %% exercise="wrong_links"
def count_wrong_per_1000(true_links, drawn_links):
    # each link is a pair of rows; the result is one number
    ...


# %%
lesson.wrong_links.check(count_wrong_per_1000)

# %%
print(
    "your tracks of the fast movie, scored by the kit:",
    evaluation.score_links(fast_movie.annotations, tracks),
)

# %% [markdown]
# Now all methods on both movies; on the fast one also the network that comes with the kit. **Guess:** on which of the
# two movies does the network help, and how much?

# %%
shipped, shipped_settings = networks.saving.load_network("link_small")
shipped_settings = shipped_settings.changed(channels=channels)
asked = predict_links(shipped, fast_movie.movie, fast_movie.annotations, shipped_settings)
by_distance["fast"]["comes with the kit"] = build_tracks(asked)
candidates = {
    name: predict_links(network, one.movie, one.annotations, settings)
    for name, one in movies.items()
}
for name, asked in candidates.items():
    for method in ("greedy", "assignment", "optimal"):
        by_distance[name][f"trained here, {method}"] = build_tracks(asked, method=method)

# %%
for name, one in movies.items():
    print(f"{name + ' movie':25} wrong per 1000  missed per 1000")
    for method, links in sorted(by_distance[name].items()):
        score = evaluation.score_links(one.annotations, links)
        print(f"{method:25} {score.wrong_per_1000:14.1f} {score.missed_per_1000:16.1f}")
    print(f"(one link is {1000 / len(one.annotations.links):.1f} per 1000)\n")

# %% [markdown]
# On the slow movie there is nothing to gain, and one link more or less is chance. On the fast movie compare the network
# with the better of the two methods without images. Look at both columns: a method that draws few links draws few wrong
# ones, but misses many.
#
# Is the network no better? It is *one* short training on two slow movies.

# %%
seeds = {"trained here": settings.seed, "comes with the kit": shipped_settings.seed}
linked = by_distance["fast"] | {"trained here": by_distance["fast"]["trained here, optimal"]}
for name in ("nearest", "optimal assignment", "trained here", "comes with the kit"):
    score = evaluation.score_links(fast_movie.annotations, linked[name])
    figures = {"wrong per 1000": score.wrong_per_1000, "missed per 1000": score.missed_per_1000}
    course.add_result(
        output_folder, "link", name, seeds.get(name), figures, tested_on="a fast movie"
    )
course.read_results(output_folder)

# %% [markdown]
# ### The worst mistakes
#
# The candidates of the fast movie for which the network was most wrong:

# %%
asked = candidates["fast"]
labels = link.make_link_targets(fast_movie.annotations, asked.links)
said = asked.link_properties["link_probability"].astype(float)
wrong_by = np.where(labels >= 0, np.abs(said - labels), 0)
worst = np.argsort(-wrong_by)[:4]
judged = LinkExamples([fast_movie], settings, augment=False)
places = [
    int(np.flatnonzero((judged.sources == a) & (judged.links_to == b))[0])
    for a, b in asked.links[worst]
]
names = [f"{'same' if labels[each] else 'other'}, said {said[each]:.2f}" for each in worst]
plots.plot_pairs([judged.example(place, (0,)) for place in places], settings, names=names)

# %% [markdown]
# **What to see.** Some reasons to look for:
# - *Similar neighbours.* Two nuclei side by side, alike in size and brightness: only the surroundings tell them apart.
# - *Divisions.* A daughter does not look like her mother, and is not where she was.
# - *At the border* there is little to compare.
# - *A large turn.* The neighbours are the same, but lie elsewhere.
#
# Not every such mistake ends up in the tracks: one that contradicts its better neighbours is never chosen.

# %% [markdown] tags=["instructor"]
# **For teachers.** Questions to expect:
# - *Mine is worse than optimal assignment. What did I do wrong?* Usually nothing: few epochs, two slow movies. Look at
#   the star, then at the row of the network that comes with the kit, which saw many more movies.
# - *Why count per 1000?* Because 99.2 and 99.8 % look alike, and 8 and 2 wrong links do not.
# - *Why not one number for both columns?* A method that draws no links has no wrong ones.

# %% [markdown]
# ## 7. Use it, and keep it
#
# The network is in its run folder, with its settings and its calibration. To train it further on your own movies, begin
# with `networks.make_fine_tuning_settings(run.folder)`, as in notebook 04.

# %%
print(compare_runs(output_folder))
print("the network:", run.network_folder)

# %% [markdown]
# ## Summary
#
# - Candidates first, drift taken out. What is not among them is lost.
# - Where nuclei move less than half the distance to their neighbour, the nearest one will do. Film often enough!
# - Where they move farther, a network that looks at the surroundings helps.
# - Image and displacement are varied by the same matrix.
# - Count wrong links per 1000, next to a method that uses no images, on slow and on fast movies.

# %% [markdown]
# ### To try, without a checker
#
# Leave the drift in: set `remove_drift = False` at the top, and run again as far as the table of distances. Guess
# first: which of the two methods without images suffers more on the fast movie?
#
# <details><summary><b>Am I right?</b> (Click for an answer.)</summary>
#
# *Nearest*: about three in ten nuclei are now closer to where another one used to be. Optimal assignment partly saves
# itself: a nucleus that is taken is not given away twice.
# </details>
#
# Next: [07 · Predict and track](07_predict_and_track.ipynb): all three networks on a movie that none of them has seen.
