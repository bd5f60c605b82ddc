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
#     minutes_do: 70
#     minutes_cpu: 2
#     minutes_gpu: 2
# ---

# %% [markdown]
# # 07 · Predict and track: from a movie to lineages
#
# **You let three networks work on a movie that none of them has seen, and turn what they say into tracks.**
#
# *Goals.* Afterwards you can
# - say what each of the three networks adds,
# - say why the best link of each nucleus does not make tracks, and compute what a story costs,
# - read a lineage tree,
# - say which scores you want to see next to TRA,
# - find the doubtful places of your tracks, and say which errors no list of doubts can show,
# - write tracks for OrganoidTracker and other programs.
#
# *You need* notebooks 00 to 06.
#
# *Time.* To teach: 50 minutes. To do: 70 minutes. The computer works for 2 of them on a processor (CPU), for 2 on a
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
# **From memory:** 1. What is a link? 2. When is the nearest nucleus the right one? 3. Why does a tolerance in time make
# sense?
#
# <details><summary>Answers</summary>
#
# 1. Two positions at neighbouring time points are one nucleus, or mother and daughter. 2. If nuclei move little. 3.
#    People, too, disagree by one time point.
# </details>

# %%
import dataclasses
from pathlib import Path

import numpy as np

from organoid_kit import (
    course,
    evaluation,
    plots,
    predict_positions,
    read_annotations,
    read_dataset,
    report,
    track_movie,
    write_annotations,
)

# %%
from organoid_kit.course.lessons import notebook_07 as lesson
from organoid_kit.dashboards import StackBrowser, TrackExplorer
from organoid_kit.data import AnnotatedMovie, Annotations, downloads, formats, write_dataset
from organoid_kit.evaluation import score_divisions, score_links, score_tracks
from organoid_kit.prediction import load_networks, predict_divisions, predict_links
from organoid_kit.tracking import (
    Doubt,
    TrackingSettings,
    build_tracks,
    compute_cost,
    estimate_errors,
    find_best,
    link_nearest,
    list_doubts,
)

# %% [markdown]
# You can change these numbers. To use the networks that you trained, name their run folders, which notebooks 04 to 06
# print at the end.

# %% tags=["parameters"]
test_list = None  # for example "my_movies/test.autlist"; None: the bundled test movie
channels = (2, 3)  # which channels show nuclei, counted from 1
# a network that comes with the kit, or a run folder such as "runs/…"
position_network = "position_small"
division_network = "division_small"
link_network = "link_small"
appearance_probability = 0.01  # that a nucleus comes from nowhere; the same for vanishing
missed_probability = 0.03  # that a nucleus is missed at a time point, though it is there
output_folder = "runs"  # where notebooks 04 to 06 noted their results

# %% [markdown] tags=["instructor"]
# **For teachers.** Show live: section 2 (what each network adds), the story of section 3 on the board, the lineage
# tree, and the question about TRA before anybody scrolls down. Let them do: the cost, and the doubts, in pairs: one
# decides, one looks it up.
#
# Plan of 50 minutes: section 2 10, section 3 15, section 4 5, section 5 10, section 6 10. Section 7 can be read at
# home. Start `track_movie` before you explain what it does.

# %% [markdown]
# ## 1. What we ask
#
# *Who comes from whom?* A *track* is one nucleus over time, from its beginning to its division or end. A *lineage* is
# all that comes from one first nucleus: tracks, joined by divisions.
#
# We take the test movie. No network of the kit has learned from it. Its truth is known; we put that aside for now, and
# judge by it later.

# %%
samples = downloads.find_samples()
one = read_dataset(test_list or samples / "test.autlist")[0]
movie, truth = one.movie, one.annotations
print(movie)

# %% [markdown]
# ## 2. Three networks, one after the other
#
# First by hand, for three time points. Each network needs what the one before has found:
# - **positions**, with a probability for each,
# - **divisions**: each position gets a second probability, that it divides right after this time point,
# - **links**: all candidates, each with a probability. They are not tracks yet.

# %%
loaded = load_networks((position_network, division_network, link_network), channels)
some_times = movie.time_points[4:7]
network, settings = loaded["position"]
found = predict_positions(network, movie, settings, time_points=some_times, show_progress=False)
print(f"{len(found)} positions; known about each: {', '.join(found.properties)}")

network, settings = loaded["division"]
found = predict_divisions(network, movie, found, settings, show_progress=False)
dividing = found.properties["division_probability"].astype(float)
print(f"{np.sum(dividing > 0.5)} of {len(found)} divide with a probability above 0.5")

network, settings = loaded["link"]
found = predict_links(network, movie, found, settings, show_progress=False)
said = found.link_properties["link_probability"].astype(float)
print(f"{len(found.links)} candidates; known about each: {', '.join(found.link_properties)}")
print(f"{np.sum(said > 0.5)} of them are links with a probability above 0.5")

# %% [markdown]
# `track_movie` does the same for the whole movie, and then chooses. It also keeps positions somewhat below the
# threshold: they may be needed to fill a gap. This is the long cell of this notebook.

# %%
tracking = TrackingSettings(
    appearance_probability=appearance_probability,
    disappearance_probability=appearance_probability,
    missed_probability=missed_probability,
)
three = (position_network, division_network, link_network)
tracked = track_movie(movie, *three, channels=channels, settings=tracking)
print(tracked)
candidates, tracks = tracked.candidates, tracked.tracks
for name, each in (("candidates", candidates), ("tracks", tracks)):
    counts = f"{len(each)} positions, {len(each.links)} links, {len(each.merges())} merges"
    print(f"{name}: {counts}")

# %% [markdown]
# A *merge* is a nucleus that comes from two others. Candidates are full of them; in tracks there must be none.

# %% [markdown]
# ## 3. From candidates to tracks
#
# Why not simply give each nucleus its most probable link? There are two ways: each nucleus *goes* to its most probable
# partner one time point later, or *comes* from its most probable one. **Guess first:** the probabilities are nearly all
# right. Do both ways draw the same links?

# %%
said = candidates.link_properties["link_probability"].astype(float)
goes_to = find_best(said, candidates.links[:, 0])  # rows of the candidates
comes_from = find_best(said, candidates.links[:, 1])
claimed = np.sum(np.bincount(candidates.links[goes_to, 1]) > 1)
given_away = np.sum(np.bincount(candidates.links[comes_from, 0]) > 1)
dividing = np.sum(candidates.properties["division_probability"].astype(float) > 0.5)
both, one_only = np.intersect1d(goes_to, comes_from), np.setxor1d(goes_to, comes_from)
print(f"goes to: {claimed} nuclei are claimed by two others or more, and cells do not merge")
print(f"comes from: {given_away} nuclei have two daughters or more; {dividing} are found dividing")
print(f"drawn by both: {len(both)}, by one: {len(one_only)}")

# %% [markdown]
# The first way leads to merges, the second may fork at nuclei that do not divide. A nucleus that decides alone does not
# know what the others need.
#
# ### What a story costs
#
# So we look for a whole *story*: a choice of nuclei, links, divisions, beginnings and ends without contradiction. Of
# all stories we want the most probable one. Probabilities are multiplied; adding is easier. So each answer "yes" with
# probability *p* gets a *cost*: the natural logarithm of (1 − *p*) / *p*.
#
# **Exercise 1: a cost.** Write it as a function.


# %% exercise="cost"
def find_cost_by_hand(probability):
    # np.log is the natural logarithm
    ...


# %%
lesson.cost.check(find_cost_by_hand)

# %% [markdown]
# What is likely has a cost below zero: a story gains by it. What is as likely as not costs nothing. The story with the
# lowest cost is the most probable one.
#
# One by hand. A and B are nuclei of one time point, C and D of the next. Four candidates have these probabilities:

# %%
probabilities = {"A→C": 0.9, "A→D": 0.6, "B→C": 0.8, "B→D": 0.05}
cost = {link: compute_cost(probability) for link, probability in probabilities.items()}
cost["B ends"] = cost["D begins"] = compute_cost(tracking.appearance_probability)
cost["A divides"] = compute_cost(tracking.unknown_division)  # the share of nuclei that divide
print(*(f"{name}: {each:+.1f}" for name, each in cost.items()), sep="\n")

# %% [markdown]
# **Work it out first**, on paper, with the numbers above:

# %%
lesson.cheapest

# %%
stories = [
    ("A→C", "B→D"),
    ("A→D", "B→C"),
    ("A→C", "B ends", "D begins"),
    ("A divides", "A→C", "A→D", "B ends"),
]
for story in stories:
    print(f"{' + '.join(story)}: {sum(cost[each] for each in story):+.1f}")

# %% [markdown]
# The best single link is not in the best story! It would leave B with a link that is hardly believable.
#
# ### What is assumed
#
# How often do nuclei come into view, go, or get missed? No network says that; you do:

# %%
for name in ("appearance", "disappearance", "border", "missed", "missed_daughter"):
    print(f"{name}_probability: {getattr(tracking, name + '_probability'):g}")

# %% [markdown]
# - **Appearances and disappearances** are rare inside the movie, less so at its border, and free at its first and last
#   time point.
# - **Missed nuclei.** Where a nucleus was found before and after but not in between, a link can bridge the gap. A
#   nucleus is then added half-way, and marked as *interpolated*. Right after a division daughters still touch, and one
#   is more easily missed.
#
# `help(TrackingSettings)` describes all of them.
#
# ### Three methods, and the errors of each
#
# *Skip this if you only want tracks:* the default, *optimal*, is the best story of the whole movie. *Greedy* takes the
# most probable link first, then the next one that is still possible. *Assignment* makes the best choice for each pair
# of time points. Both add divisions afterwards, and do not bridge gaps. *Nearest* looks only at distances.
#
# **Guess first:** where will they differ most, in links or in divisions?

# %%
region = np.array([np.zeros(3), np.array(movie.shape_zyx) - 1])
choices = {
    method: build_tracks(candidates, method=method, settings=tracking, region=region)
    for method in ("greedy", "assignment", "optimal")
}
likely = candidates.properties["probability"].astype(float) >= loaded["position"][1].threshold
choices = {"nearest": link_nearest(candidates.select(likely))} | choices

# %%
print(f"{'links':>28} {'divisions':>29}")
print(
    f"{'':12} {'right':>6} {'false':>6} {'missed':>7} {'no end':>7} {'right':>6} {'false':>6} {'missed':>7}"
)
for method, choice in choices.items():
    links, divisions = score_links(truth, choice), score_divisions(truth, choice, by=None)
    counts = f"{links.right:6} {links.false:6} {links.missed:7} {links.undetected:7}"
    print(f"{method:12} {counts} {divisions.matched:6} {divisions.false:6} {divisions.missed:7}")

# %% [markdown]
# *No end*: true links whose two ends were not both found. Divisions are counted *by place*: one is right if the links
# fork at the mother, give or take one time point.
#
# Is all right but *nearest*? This movie is easy. On harder ones look at the kind of error. *Nearest* draws a division
# wherever two nuclei lie nearest to the same one. *Greedy* and *assignment* choose one link for each nucleus first;
# where another one has taken a daughter, the division is lost. *Optimal* weighs both at once.
#
# The results table gets a row for each:

# %%
for method, choice in choices.items():
    links, divisions = score_links(truth, choice), score_divisions(truth, choice, by=None)
    figures = {
        "wrong links": links.false,
        "missed links": links.missed,
        "links with no end": links.undetected,
    }
    figures["division F1 by place, ±1 time point"] = divisions.f1
    course.add_result(output_folder, "tracks", method, None, figures, tested_on=one.name)

# %% [markdown]
# ### Gaps
#
# *Skip this if hardly any of your nuclei are missed.* How many nuclei were put in, and how many of them are daughters?
# Then the same with gaps left open:

# %%
added = np.flatnonzero(np.equal(tracks.properties["interpolated"], True))
reach = np.isin(tracks.links[:, 1], added)
daughters = np.isin(tracks.links[reach, 0], tracks.divisions())
print(f"{len(added)} nuclei put in; {daughters.sum()} of them daughters, just after the division")
never_missed = dataclasses.replace(tracking, missed_probability=0)
with_gaps = build_tracks(candidates, settings=never_missed, region=region)
for name, each in (("bridged", tracks), ("not bridged", with_gaps)):
    divisions = score_divisions(truth, each, by=None)
    print(f"{name:12} {len(each.tracks())} tracks; divisions: {divisions}")

# %% [markdown]
# Are the nuclei really there? Look at some in close-up.

# %%
shown = [int(row) for row in [*added, *tracks.divisions()][:3]]
names = ["put in" if row in added else "divides" for row in shown]
plots.tracks.plot_close_ups(movie, tracks, shown, names, channels=channels)

# %% [markdown]
# **What to see.** Rings are positions that the network found, diamonds were put in (if none was, divisions are shown).
# Lines lead to where each was one time point earlier. Is there a nucleus at the diamond, or beside it? It was put
# half-way between two places. Often two nuclei touch there, and the network saw one.

# %% [markdown]
# ## 4. Look
#
# A *lineage tree* shows all tracks at once. Look at it before you look at any score. **Guess first:** in this movie no
# cell dies. What should you *not* see?

# %%
plots.plot_lineage_tree(tracks, title=movie.name)

# %% [markdown]
# **What to see.** Time runs to the right, one line is one track. A dot is a division: the line forks. Numbers are
# lineages, the largest first. Watch for
# - *ends* (squares) and *starts* (triangles) inside the movie. Cells rarely vanish or come from nowhere, programs often
#   say so. A short line that does both is usually debris,
# - *forks too close*: a cell that divides twice within few time points,
# - *no forks at all* where other lineages have some,
# - crosses: what the tracks themselves consider doubtful.
#
# The same tracks on the movie, to browse:

# %%
browser = StackBrowser(movie, {"tracks": tracks}, channels=channels)
browser.time_point.value = movie.time_points[-3]
browser.view.value = "maximum"
browser

# %%
plots.tracks.plot_tracks(movie, tracks, time_point=movie.time_points[-3], channels=channels)

# %% [markdown]
# **What to see.** One time point from above. Each tail is the path over the last five time points, in the colour of its
# lineage. Sister cells have the same number and should lie near each other. A tail much longer than those beside it is
# suspicious.

# %% [markdown]
# ## 5. Score: do not trust a single number
#
# *Skip this if your movies have no truth to score by,* and nobody shows you scores.
#
# *TRA* is the most common score for tracking: it counts what you would have to add and remove to make the tracks right,
# and 1 is perfect. How does it react to a gross mistake? We take the **truth itself**, and delete all divisions. Each
# mother keeps one of her daughters; the other one comes from nowhere.


# %%
def remove_divisions(tracks: Annotations) -> Annotations:
    """The same tracks, but each mother keeps only one daughter."""
    first = np.unique(tracks.links[:, 0], return_index=True)[1]
    return dataclasses.replace(tracks, links=tracks.links[first], link_properties={})


# %%
lesson.tra

# %%
judged = {
    "truth without divisions": remove_divisions(truth),
    "our tracks": tracks,
    "our tracks without divisions": remove_divisions(tracks),
}
has_library = find_spec("traccuracy") is not None
for name, each in judged.items() if has_library else ():
    score = score_tracks(truth, each)
    print(
        f"{name:29} TRA {score.tra:.3f}, division F1 by daughters {score.division_f1[1]:.3f}, ",
        end="",
    )
    print(f"lineages without a mistake {score.complete_lineages:.0%}")
if not has_library:
    print('No TRA: its library is missing. On your computer: pip install "organoid-kit[scores]"')

# %% [markdown]
# TRA counts mostly positions, and they are all there. For "who comes from whom", tracks without divisions are
# worthless, and TRA hardly notices. So never trust it alone. Ask for *division F1 by daughters* (the mother and both
# daughters must be right), for *lineages without a mistake*, and for plain counts:

# %%
for name, each in judged.items():
    links, divisions = score_links(truth, each), score_divisions(truth, each, by=None)
    print(f"{name:29} {links.missed:3} missed links, {links.false} false; ", end="")
    print(
        f"{divisions.matched} of {len(truth.divisions())} divisions right by place, {divisions.false} false"
    )

# %% [markdown]
# Which divisions are missed, and why? (Nothing printed? Then none is.)

# %%
score = score_divisions(truth, tracks, by=None)
was_found = np.isin(np.arange(len(truth)), evaluation.matching.match_to_truth(truth, tracks))
for mother in np.setdiff1d(score.mothers, score.called_mothers):
    hers = was_found[truth.links[truth.links[:, 0] == mother, 1]]
    print(
        f"time point {truth.time_points[mother]}: mother {'found' if was_found[mother] else 'not found'}, ",
        end="",
    )
    print(f"{hers.sum()} of {len(hers)} daughters found")

# %% [markdown]
# Where a daughter was not found (on harder movies that is the usual reason), no choice of links can help: it takes a
# better position network. Know which of your three networks the errors come from before you train any of them again.

# %% [markdown]
# ## 6. Where are the errors?
#
# This matters to everybody who uses the tracks. In your own movies nobody knows the truth. But the tracks know where
# they are in doubt: each link, division, end and beginning has an *error probability*. It weighs the story with this
# link against all similar stories without it. So a link of probability 0.6 may be quite certain, if there is no
# alternative, and one of 0.9 doubtful, if another story is nearly as good.
#
# **Exercise 2: a first look.** For some links we know what the network `said`, and how probable an error is, `errors`.
# Which link should a person look at first? Return its row; the first row is 0.


# %% exercise="first_look"
def choose_first(said, errors):
    # two lists, one number for each link
    ...


# %%
lesson.first_look.check(choose_first)

# %% [markdown]
# The kit's list for our tracks:

# %%
for doubt in list_doubts(tracks, most=8):
    print(doubt)
said = tracks.link_properties["link_probability"].astype(float)
errors = tracks.link_properties["error_probability"]
for row in sorted(range(len(errors)), key=lambda row: -(errors[row] or 0))[:4]:
    missing = f"so that 1 − p = {1 - said[row]:.3f}"
    print(f"the network said {said[row]:.3f}, {missing}; error probability {errors[row]:.3f}")

# %% [markdown]
# The last two numbers of a line differ: only the last one has looked at the alternatives.
#
# Now the first three. Choose a doubt, or press *Next doubt*, and the movie goes there. **Decide for each, before you
# read on:** is it an error? The buttons below correct tracks.

# %%
explorer = TrackExplorer(movie, tracks, candidates=candidates, channels=channels)
explorer

# %%
doubts = list_doubts(tracks, most=3, least=0)
names = [f"{doubt.what}, {doubt.probability:.2f}" for doubt in doubts]
plots.tracks.plot_close_ups(
    movie, tracks, [doubt.row for doubt in doubts], names, channels=channels
)

# %% [markdown]
# **What to see.** The same three for print, one in each row; the square marks the place. For a doubtful *link* it is
# the later end: does the line come from the same nucleus? For a *division* it is the mother: follow the lines to her
# daughters on the right. For an *end*, look on the right for the nucleus that continues, also in the planes above and
# below.

# %%
partners = evaluation.matching.match_to_truth(truth, tracks)
is_right = evaluation.tracks.judge_links(truth, tracks)


def is_error(doubt: Doubt) -> str:
    """What the truth says of a doubt."""
    row = partners[doubt.row]
    if row < 0:
        return "no true nucleus within 5 µm"
    forward, backward = truth.links_forward()[row], truth.links_backward()[row]
    wrong = {
        "link": False in is_right[tracks.links[:, 1] == doubt.row],
        "division": forward < 2,
        "end": forward > 0,
        "start": backward > 0,
    }
    return "an error" if wrong[doubt.what] else "right"


# %%
for doubt in doubts:
    said_so = f"{doubt.what}, doubtful by {doubt.probability:.2f}"
    print(f"time point {doubt.time_point}, {said_so}: {is_error(doubt)}")

# %% [markdown]
# Do not expect every doubt to be an error: out of ten with an error probability of 0.1, one should be. The sum of all
# error probabilities is the number of errors to expect. Does it agree with what we count?

# %%
print(estimate_errors(tracks))
links = [
    (error, right)
    for error, right in zip(errors, is_right)
    if error is not None and right is not None
]
expected, wrong = sum(error for error, _ in links), sum(not right for _, right in links)
print(
    f"In the {len(links)} links that the truth can judge: {expected:.1f} expected wrong, {wrong} are wrong."
)
print(f"Missed divisions: {score.missed}. Missed nuclei: {np.sum(~was_found)}.")

# %% [markdown]
# With so few errors, one more or less is chance. But mind the last line: error probabilities weigh answers to questions
# that were asked. Nobody was asked about a daughter that was never found, so neither she nor the missed division is in
# the list. **A short list of doubts does not mean that nothing is missing.** You see that in the lineage tree, or in
# the movie.

# %% [markdown]
# ## 7. Keep it
#
# *Skip what you do not use.* **OrganoidTracker** gets an `.aut` file with our probabilities, in which doubtful places
# appear in its list of errors. **Spreadsheets** get a CSV table. The **Cell Tracking Challenge** gets label images.
# **GEFF** is read by other tracking programs.

# %%
folder = Path(output_folder) / "tracking"
with_errors = formats.add_organoidtracker_data(tracks)
for_organoidtracker = AnnotatedMovie(movie, with_errors, one.images_pattern)
write_dataset([for_organoidtracker], folder / "organoidtracker" / "tracks.autlist", overwrite=True)
numbered = formats.add_track_ids(tracks)
write_annotations(numbered, folder / "tracks.csv", overwrite=True)
write_annotations(tracks, folder / "ctc", shape_zyx=movie.shape_zyx, overwrite=True)
if find_spec("geff"):
    write_annotations(numbered, folder / "tracks.geff", overwrite=True)
else:
    print('No GEFF: its library is missing. On your computer: pip install "organoid-kit[formats]"')

# %% [markdown]
# Never assume that a file is right just because it was written. Read it back:

# %%
written = [*folder.glob("organoidtracker/*.aut"), *folder.glob("tracks.*"), folder / "ctc"]
for path in sorted(written):
    known = {"spacing_um": movie.spacing_um} if path.name == "ctc" else {}
    again = read_annotations(path, **known)
    same = (len(again), len(again.links)) == (len(tracks), len(tracks.links))
    counts = f"{len(again)} positions, {len(again.links)} links"
    print(f"{path.relative_to(folder)}: {counts}", "as here" if same else "DIFFER")

# %% [markdown]
# **For you, in half a year:** one page with scores, lineage tree, doubts, networks and settings.

# %%
report.save_tracking(folder / "report", one, tracked, three, channels=channels, settings=tracking)
facts = report.write_tracking_report(folder / "report", overwrite=True)
print("open this page in a browser:", folder / "report" / "tracking.html")

# %% [markdown] tags=["instructor"]
# **For teachers.** Questions to expect:
# - *My tracks have no doubt at all. Are they right?* No. Go back to the last paragraph of section 6.
# - *Why does the kit put in nuclei that nobody saw?* Because ending one track and beginning another is less likely.
#   They are marked; anyone who does not want them sets `missed_probability = 0`.
# - *Can I use one network of my own and two from the kit?* Yes: name its run folder at the top.
#
# Have the class put its rows of the table below on the board: ten learners have ten trainings of each network.

# %% [markdown]
# ## One table over all networks
#
# What was trained in notebooks 04 to 06, beside the baselines, and the tracks of this notebook. Compare rows of one
# network only, tested on the same movie. A difference smaller than the spread over seeds says nothing.

# %%
course.read_results(output_folder)

# %% [markdown]
# ## Summary
#
# - Positions, then divisions, then links; each answers a small question.
# - Tracks are the most probable story of the whole movie. What networks cannot know, you assume.
# - Look at the lineage tree first. Cells rarely vanish; programs often lose them.
# - TRA alone is misleading. Ask for divisions and complete lineages.
# - Look at doubts first. But what was never found cannot be doubted.

# %%
lesson.can_be_chosen

# %%
lesson.ends

# %% [markdown]
# **To try:** raise `appearance_probability` and `disappearance_probability` to 0.3, with `dataclasses.replace(tracking,
# …)`, and build tracks from `candidates` again. What happens to starts and ends in the tree? Guess first.
#
# <details><summary><b>Am I right?</b> (Click for an answer.)</summary>
#
# Ends and beginnings get cheap: where a link is doubtful, or leads over a gap, the track breaks, and divisions get
# lost. Such a story suits those who need reliable pieces rather than whole lineages.
# </details>
#
# Next: [08 · Your own data](08_your_own_data.ipynb). And if something goes wrong: notebook 09.
