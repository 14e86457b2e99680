"""Signals traded at known prices, as the definition says: one at a time, each row looked at by itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.naive.labels import Row


@dataclass(frozen=True)
class Trade:
    signal: int
    side: int
    barrier: int
    exit_ns: int
    mid: float
    entry: float
    exit: float


@dataclass(frozen=True)
class Booked:
    size: float
    net: float
    equity: float


def trades(
    rows: Sequence[Row], signals: Sequence[tuple[int, int]], profit: float, stop: float, holding_ns: int
) -> tuple[list[Trade], int, int, int]:
    """Trades; signals that found a position, and no price; the signal that is still open, -1 if none is."""
    found: list[Trade] = []
    held = unquoted = 0
    for number, (at_ns, side) in enumerate(signals):
        before = [row for row in rows if row.at_ns <= at_ns]
        if found and at_ns < found[-1].exit_ns:
            held += 1
        elif not before or before[-1].is_gap or at_ns > rows[-1].at_ns:
            unquoted += 1
        else:
            trade = _followed(rows, len(before) - 1, number, at_ns, side, profit, stop, holding_ns)
            if trade is None:
                return found, held, unquoted, number
            found.append(trade)
    return found, held, unquoted, -1


def _followed(
    rows: Sequence[Row], begin: int, signal: int, at_ns: int, side: int, profit: float, stop: float, holding_ns: int
) -> Trade | None:
    bid, ask = rows[begin].bid[2], rows[begin].ask[2]
    mid, entry, end_ns = (bid + ask) / 2, (ask if side > 0 else bid), at_ns + holding_ns
    last = rows[begin]
    for row in rows[begin + 1 :]:
        if row.at_ns > end_ns and not last.is_gap:
            break
        last = row
        if row.is_gap:
            continue
        low, high, close = row.bid if side > 0 else row.ask
        if row.at_ns > end_ns:
            return Trade(signal, side, 0, row.at_ns, mid, entry, close)
        worst, best = sorted((side * (low - entry) / entry, side * (high - entry) / entry))
        if worst <= -stop + 1e-12:
            gain = -stop if best >= -stop - 1e-12 and worst < best else worst
            return Trade(signal, side, -1, row.at_ns, mid, entry, entry * (1 + side * gain))
        if best >= profit - 1e-12:
            gain = max(profit, worst) if worst < best else worst
            return Trade(signal, side, 1, row.at_ns, mid, entry, entry * (1 + side * gain))
    is_over = rows[-1].at_ns >= end_ns and not last.is_gap
    return Trade(signal, side, 0, end_ns, mid, entry, (last.bid if side > 0 else last.ask)[2]) if is_over else None


def booked(found: Sequence[Trade], capital: float, share: float, fee: float, slippage_bps: float) -> list[Booked]:
    """What each trade brought, and the equity after it."""
    out: list[Booked] = []
    equity = capital
    for trade in found:
        if equity <= 0:
            break
        size = share * equity / trade.mid
        paid = trade.entry * (1 + trade.side * slippage_bps / 10_000)
        received = trade.exit * (1 - trade.side * slippage_bps / 10_000)
        net = trade.side * size * (received - paid) - fee * size * paid - fee * size * received
        equity += net
        out.append(Booked(size, net, equity))
    return out
