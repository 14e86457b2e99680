"""Tickets: what a page in a browser shows instead of a key.

A browser can send no header of its own with a WebSocket, and a key must be neither in a URL, which logs show, nor in a
page, which anybody may open who can reach it. So whoever has a key fetches a ticket and hands it to the page, which
offers it as a subprotocol. It opens sockets of the stream for a minute and nothing else.
"""

import hashlib
import hmac
from collections.abc import Sequence

SUBPROTOCOL = "msray.stream.1"
"""What the server speaks; offered beside the ticket, since a browser wants one of its offers accepted."""
TICKET_S = 60
_PREFIX = "msray.ticket."


class Tickets:
    """Issues tickets and knows its own; keeps none of them, so every process with the same secret knows them.

    Parameters
    ----------
    secret
        At least 16 random bytes, new whenever the API is started.

    Examples
    --------
    >>> tickets = Tickets(b"sixteen bytes or more")
    >>> offer = ["msray.stream.1", tickets.issue(now_ns=0)]
    >>> tickets.is_among(offer, now_ns=59 * 10**9), tickets.is_among(offer, now_ns=61 * 10**9)
    (True, False)
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, now_ns: int) -> str:
        """A ticket, as it is offered: a subprotocol."""
        ends_s = now_ns // 1_000_000_000 + TICKET_S
        return f"{_PREFIX}{ends_s}.{self._seal(str(ends_s))}"

    def is_among(self, subprotocols: Sequence[str], now_ns: int) -> bool:
        """Whether the first ticket among them is one of ours and still good."""
        ticket = next((offer for offer in subprotocols if offer.startswith(_PREFIX)), "")
        ends_s, _, seal = ticket.removeprefix(_PREFIX).partition(".")
        is_ours = hmac.compare_digest(self._seal(ends_s).encode(), seal.encode())
        return is_ours and now_ns < int(ends_s) * 1_000_000_000

    def _seal(self, ends_s: str) -> str:
        return hmac.new(self._secret, b"msray stream " + ends_s.encode(), hashlib.sha256).hexdigest()
