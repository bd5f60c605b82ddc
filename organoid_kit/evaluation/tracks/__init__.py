"""How right are divisions, links and whole lineages? Like `positions`, but over time.

divisions      called where and when a nucleus divides: right, missed, false
links          between the right nuclei: right, missed, false, judged one by one
lineages       DET, LNK, TRA, CHOTA, complete tracks, by the library traccuracy
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["divisions", "lineages", "links"],
    submod_attrs={
        "divisions": ["DivisionScore", "pool_division_scores", "score_divisions"],
        "lineages": ["TrackScore", "score_tracks"],
        "links": ["LinkScore", "fill_gaps", "judge_links", "pool_link_scores", "score_links"],
    },
)
