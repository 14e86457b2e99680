"""Work on an event loop, until it is done or somebody says stop."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, on ``uvloop`` where it is installed."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def stop_event() -> asyncio.Event:
    """What SIGINT and SIGTERM set from now on, in place of ending the process."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


async def run_until(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it ends, raising what it raises, or until the event is set."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, stopping):
        task.cancel()
    await asyncio.gather(working, stopping, return_exceptions=True)
    if working in done:
        working.result()
