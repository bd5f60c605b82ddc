"""Mistakes in annotations, found before a network learns them: one small function for each rule.

problem    what is reported, and the limits; single images: do positions sit where it is bright?
rules      movie, positions and links: do they belong together? `check_annotations`
widths     how wide annotated nuclei are, where no size is stated
summary    how much is annotated

Nothing here raises on data. A position that breaks several rules is reported once, by the first
rule it breaks: mend it and check again. Distances are in µm and can be changed by the options of
`check_annotations`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
