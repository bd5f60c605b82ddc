"""What everything stands on: settings, files written wholly or not at all, errors with a way out.

Its modules, in the order of use:

    errors ── files ── records ── settings
       └────── environment      is this machine ready?
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
