"""Opens a connection with the client that is wanted, and puts every way to fail into the same few words."""

import ssl
from collections.abc import Awaitable, Callable

from msray.extras import from_extra
from msray.feeds.websocket import OPEN_S, Refused, Socket, Take, open_plain


async def dial(url: str, take: Take, *, is_fast: bool = False) -> Socket | Refused:
    """Connect, with the certificate verified, without compression.

    Parameters
    ----------
    url
        ``ws://`` or ``wss://``.
    take
        Called with every message; the bytes are only valid during the call.
    is_fast
        Use ``picows``.

    Raises
    ------
    UsageError
        If the address is none, or ``picows`` is wanted and not installed.
    """
    open_socket = _open_fast() if is_fast else open_plain
    try:
        return await open_socket(url, take)
    except ssl.SSLCertVerificationError as error:
        return Refused(f"certificate does not verify: {error.verify_message}", is_fatal=True)
    except TimeoutError:
        return Refused(f"no answer within {OPEN_S:g} s")
    except OSError as error:  # refused, reset, unreachable, no such host
        return Refused(error.strerror or str(error) or type(error).__name__)


def _open_fast() -> Callable[[str, Take], Awaitable[Socket | Refused]]:
    with from_extra("fast", "the fast client"):
        from msray.feeds.websocket_fast import open_fast
    return open_fast
