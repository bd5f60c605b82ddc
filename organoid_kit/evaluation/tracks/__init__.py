"""How right are divisions, links and whole lineages? Like `positions`, but over time.

divisions      called where and when a nucleus divides: right, missed, false
links          between the right nuclei: right, missed, false, judged one by one
lineages       DET, LNK, TRA, CHOTA, complete tracks, by the library traccuracy
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
