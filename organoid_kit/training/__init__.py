"""Training: a loop that can be paused, killed and taken up again; everything it does stands in a
run folder.

Its modules, in the order of use:

    loop ── preparing    settings with nothing left open, a compiled network
         ── own          a learner's network, loss and augmentation
         ── steps        batches, learning rate, smaller batches where memory runs out
         ── control      when to wait and when to end
         ── keeping      which epoch is kept; with checkpoints, epoch_pictures
         ── validation   how good is the network?
    runs        run folders: settings, data, history; lock: one training at a time
    diagnosis   how a training goes, from its losses
    estimates   minutes and memory, before one begins
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
