"""Waiting in a notebook's cell while its widgets go on working, in kernels old and new.

While a cell awaits, ipykernel 7 lets widgets act by itself. ipykernel 6 (Google Colab's) keeps all messages in a queue
until the cell ends: there, the messages of widgets are taken out and dealt with, the others stay in their order.
"""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

_PAUSE_SECONDS = 0.03
_OF_WIDGETS = ("comm_msg", "comm_open", "comm_close")


def is_voila() -> bool:
    """Whether the notebook is shown by Voila, which shows nothing before all cells have ended."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")


def is_anybody_there() -> bool:
    """Whether someone could click: not in plain Python, nor where nbclient or papermill run a notebook.

    A front end with a person in front of it says with each cell that it can be asked for input; the others say no.
    """
    return bool(getattr(_find_kernel(), "_allow_stdin", False))


async def let_widgets_act() -> None:
    """A short pause in a cell, in which clicks arrive."""
    kernel = _find_kernel()
    if _queues_messages(kernel):
        await _deal_with_widgets(kernel)
    await asyncio.sleep(_PAUSE_SECONDS)


def _find_kernel() -> Any:
    """The kernel this runs in; None in plain Python."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    return getattr(get_ipython(), "kernel", None)


def _queues_messages(kernel: Any) -> bool:
    if kernel is None or not hasattr(kernel, "msg_queue"):
        return False
    import ipykernel

    return ipykernel.version_info[0] < 7


async def _deal_with_widgets(kernel: Any) -> None:
    """Takes all that waits, puts back what is not for widgets, and dispatches the rest."""
    waiting = [kernel.msg_queue.get_nowait() for _ in range(kernel.msg_queue.qsize())]
    of_widgets = [each for each in waiting if _find_type(kernel, each) in _OF_WIDGETS]
    for each in waiting:
        if each not in of_widgets:
            kernel.msg_queue.put_nowait(each)
    if of_widgets:
        await _dispatch(kernel, of_widgets)


def _find_type(kernel: Any, queued: tuple) -> str:
    """The type of a queued message; "" where it is something else. Its signature is checked when it is dispatched."""
    try:
        _, (_, header, *_) = kernel.session.feed_identities(queued[-1][0], copy=False)
        return kernel.session.unpack(header.bytes)["msg_type"]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return ""


async def _dispatch(kernel: Any, queued: list[tuple]) -> None:
    """Deals with messages as the kernel does, and leaves it as if the cell had never been left."""
    parent, identity = kernel.get_parent("shell"), kernel._parent_ident["shell"]
    saved, current = getattr(kernel, "saved_sigint_handler", None), signal.getsignal(signal.SIGINT)
    try:
        for _, dispatch, arguments in queued:
            await dispatch(*arguments)
    finally:
        kernel.set_parent(identity, parent, channel="shell")
        kernel.saved_sigint_handler = saved
        signal.signal(signal.SIGINT, current)
