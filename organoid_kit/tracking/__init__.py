"""From probabilities to tracks: the most probable story of a whole movie, and how probable each
part of it is.

links      candidate links, drift, flow; the two simplest ways to link
problem    what each story costs ── optimal (HiGHS) ── build
marginals ── errors   how probable each link and division is to be wrong; what to look at first
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["build", "errors", "links", "marginals", "optimal", "problem"],
    submod_attrs={
        "build": ["build_tracks"],
        "errors": ["Doubt", "estimate_errors", "list_doubts", "match_links"],
        "links": ["find_candidates", "link_nearest"],
        "problem": ["TrackingSettings", "find_best", "compute_cost"],
    },
)
