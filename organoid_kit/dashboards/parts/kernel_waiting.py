"""Waiting in a notebook's cell while its widgets go on working, in kernels old and new.

While a cell awaits, ipykernel 7 lets widgets act by itself, but does not answer a page that was
loaded again, and (as of 7.4) does not say that a change was dealt with: the page then keeps all
further changes of this widget to itself. ipykernel 6 (Google Colab's) keeps all messages in a queue
until the cell ends. In both, messages that cannot wait are dealt with here; others stay in order.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

_PAUSE_SECONDS = 0.03
_ANSWERS = "_organoid_kit_answers"  # a mark on the kernel: this is done once
_URGENT = ("comm_msg", "comm_open", "comm_close")
_URGENT += ("kernel_info_request", "comm_info_request")  # questions of a page that comes back


def is_interactive() -> bool:
    """Whether someone could click: a front end with a person says with each cell that it may ask."""
    return bool(getattr(_find_kernel(), "_allow_stdin", False))


async def process_events() -> None:
    """A short pause in a cell, in which clicks arrive."""
    kernel = _find_kernel()
    if hasattr(kernel, "msg_queue"):
        await _process_queue(kernel)
    await asyncio.sleep(_PAUSE_SECONDS)


def enable_live_events() -> None:
    """From now on, ipykernel 7 answers widgets and pages that come back while a cell awaits."""
    kernel = _find_kernel()
    manager = getattr(getattr(kernel, "shell_channel_thread", None), "manager", None)
    if not hasattr(manager, "set_on_recv_callback") or getattr(kernel, _ANSWERS, False):
        return

    async def receive(subshell_id: str | None, frames: list) -> None:
        if subshell_id is None and _find_type(kernel, frames) in _URGENT:
            await _dispatch(kernel, lambda: kernel.dispatch_shell(frames))
        else:
            await kernel.shell_main(subshell_id, frames)

    manager.set_on_recv_callback(receive)
    setattr(kernel, _ANSWERS, True)


def _find_kernel() -> Any:
    """The kernel this runs in; None in plain Python."""
    ipython = sys.modules.get("IPython")  # loaded wherever there is a kernel
    return getattr(ipython and ipython.get_ipython(), "kernel", None)


async def _process_queue(kernel: Any) -> None:
    """ipykernel 6: takes all that waits, puts back what can wait, and dispatches the rest."""
    waiting = [kernel.msg_queue.get_nowait() for _ in range(kernel.msg_queue.qsize())]
    urgent = [_find_type(kernel, *arguments[:1]) in _URGENT for *_, arguments in waiting]
    for message, is_urgent in zip(waiting, urgent):
        if not is_urgent:
            kernel.msg_queue.put_nowait(message)
    for (_, dispatch, arguments), is_urgent in zip(waiting, urgent):
        if is_urgent:
            await _dispatch(kernel, partial(dispatch, *arguments))


def _find_type(kernel: Any, frames: Any = None) -> str:
    """The type of a message, or ""; its signature is checked when it is dispatched."""
    try:
        _, (_, header, *_) = kernel.session.feed_identities(frames, copy=False)
        return kernel.session.unpack(header.bytes)["msg_type"]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return ""


async def _dispatch(kernel: Any, handle: Callable[[], Awaitable[None]]) -> None:
    """Deals with a message as the kernel does, and leaves it as if the cell had never been left."""
    parent, identity = kernel.get_parent("shell"), kernel._parent_ident["shell"]
    saved, current = getattr(kernel, "saved_sigint_handler", None), signal.getsignal(signal.SIGINT)
    try:
        await handle()
    finally:
        kernel.set_parent(identity, parent, channel="shell")
        kernel.saved_sigint_handler = saved
        signal.signal(signal.SIGINT, current)
