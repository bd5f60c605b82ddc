"""Dashboards: thin boxes of widgets over functions that a notebook also shows as code.

The public attributes of a dashboard are its controls, so that it can be driven without a browser;
`plot()` draws its state for print; `state()` and `restore()` carry it elsewhere (as a
string, too). Each is loaded when it is first asked for.

    parts/               what all of them have: frames, states, diagrams, threads, waiting cells
    stack/               the stack browser: a movie, plane by plane
    annotation/          the annotation checker, and the editor behind it
    augmentation/        the augmentation preview, and what it warns of
    training/            training, its curves and epochs, runs side by side
    threshold/           what is right, missed and false as a threshold moves
    tracks/              lineages beside the movie, the most doubtful links first
    channel_dashboard    which channels show nuclei
    class_board          guesses of a class
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
