"""The synthetic market: exact as a feed, steady as a market, true to its planted changes."""

import hashlib
import pickle
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.book import BookSync, L2Book, SequenceRule
from msray.book import kernels as book_kernels
from msray.book import kernels_synthetic as k
from msray.book.synthetic import (
    DEFAULT_START_NS,
    KINDS,
    SPOT,
    TRUTH,
    USDM,
    MarketProfile,
    RegimePlan,
    SyntheticMarket,
    create_synthetic_order_book_data,
)
from msray.errors import UnknownNameError, UsageError
from msray.market import DEPTH, SELL, SNAPSHOT, TRADE, Instrument, Records, concatenate

START = DEFAULT_START_NS
SECOND = 1_000_000_000
QUIET = np.zeros(0, TRUTH)
PRESETS = pytest.mark.parametrize("instrument", [USDM, SPOT], ids=["usdm", "spot"])

Book = dict[tuple[int, int], int]


def planted(kind: str, begin_s: float, end_s: float, direction: int = 1, factor: float = 3.0) -> np.ndarray:
    row = (START + int(begin_s * SECOND), START + int(end_s * SECOND), KINDS.index(kind), direction, factor)
    return np.array([row], TRUTH)


def as_bytes(records: Records) -> bytes:
    return records.messages.tobytes() + records.levels.tobytes()


def as_dict(levels: np.ndarray) -> Book:
    return {(int(level["flags"]), int(level["tick"])): int(level["size"]) for level in levels}


def played(records: Records, instrument: Instrument) -> Iterator[tuple[np.void, L2Book]]:
    """Each message, and the book after it."""
    book = L2Book(instrument)
    for message in records.messages:
        levels = records.levels[message["begin"] : message["end"]]
        if message["kind"] == SNAPSHOT:
            book.load(levels, 0)
        elif message["kind"] == DEPTH:
            book.apply(levels)
        yield message, book


def measures(records: Records, instrument: Instrument) -> dict[str, np.ndarray]:
    """Absolute return and trades of the last second, imbalance of 5 and depth of 10 levels, at every depth message."""
    top = np.zeros(42, np.int64)
    rows = []
    for message, book in played(records, instrument):
        if message["kind"] == DEPTH:
            book_kernels.top(book.arena, 10, top, 0)
            bids, asks = top[10:20], top[30:40]
            sizes = bids[:5].sum(), asks[:5].sum(), bids.sum() + asks.sum()
            rows.append((message["event_ns"], top[0] + top[20], top[20] - top[0], *sizes))
    at_ns, mid, spread, bid_size, ask_size, depth = np.array(rows).T
    trades_ns = records.messages["event_ns"][records.messages["kind"] == TRADE]
    trades = np.searchsorted(trades_ns, at_ns, "right") - np.searchsorted(trades_ns, at_ns - SECOND, "right")
    return {
        "at_s": (at_ns[10:] - START) / SECOND,
        "volatility": 1e4 * np.abs(mid[10:] / mid[:-10] - 1),
        "imbalance": ((bid_size - ask_size) / (bid_size + ask_size))[10:],
        "intensity": trades[10:].astype(float),
        "liquidity": instrument.size(depth[10:]),
        "spread": spread[10:],
    }


@PRESETS
def test_same_seed_and_index_give_the_same_bytes(instrument: Instrument) -> None:
    one, same, other, next_one = (
        SyntheticMarket(seed, instrument, start_ns=START, index=index).advance(START + 20 * SECOND)
        for seed, index in ((5, 0), (5, 0), (6, 0), (5, 1))
    )

    assert as_bytes(one) == as_bytes(same)
    assert one.levels.tobytes() != other.levels.tobytes()
    assert one.levels.tobytes() != next_one.levels.tobytes()
    assert (set(one.messages["instrument"]), set(next_one.messages["instrument"])) == ({0}, {1})


def test_bytes_are_the_same_on_every_machine() -> None:
    data = create_synthetic_order_book_data(seed=1, duration_s=150)

    assert hashlib.sha256(as_bytes(data.records)).hexdigest()[:16] == "a44487cff915538c"


def test_random_numbers_are_those_of_splitmix64() -> None:
    def mixed(z: int) -> int:
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
        return z ^ z >> 31

    for seed, number in [(0, 0), (7, 3), (2**63 - 1, 11), (-5, 2)]:
        expected = mixed(mixed((seed + 0x9E3779B97F4A7C15) % 2**64) ^ number)

        assert k.derived_seed(seed, number) % 2**64 == expected
        assert 0 < k.uniform_at(seed, number) == ((expected >> 12) + 0.5) / 2**52 < 1


@settings(max_examples=15)
@given(st.lists(st.integers(-SECOND, 6 * SECOND), max_size=8))
def test_records_do_not_depend_on_how_often_they_are_asked_for(cuts: list[int]) -> None:
    changes = np.concatenate([planted("volatility", 1, 2), planted("imbalance", 2, 3.0005, -1)])
    whole = SyntheticMarket(3, start_ns=START, regimes=changes).advance(START + 6 * SECOND)
    market = SyntheticMarket(3, start_ns=START, regimes=changes)

    parts = [market.advance(START + cut) for cut in [*cuts, 6 * SECOND]]

    assert as_bytes(concatenate(parts)) == as_bytes(whole)


def test_pickled_market_goes_on_the_same() -> None:
    market = SyntheticMarket(3, start_ns=START, index=2)
    market.advance(START + 130 * SECOND + 37_000_000)

    twin = pickle.loads(pickle.dumps(market))

    assert as_bytes(twin.snapshot()) == as_bytes(market.snapshot())
    later_ns = START + 200 * SECOND
    assert as_bytes(twin.advance(later_ns)) == as_bytes(market.advance(later_ns))


@PRESETS
def test_records_replay_to_the_book_of_the_market(instrument: Instrument) -> None:
    market = SyntheticMarket(11, instrument, start_ns=START)
    first = market.snapshot()
    records = concatenate([first, market.advance(START + 150 * SECOND + 55_000_000)])

    for _, book in played(records, instrument):
        assert not book.best().is_crossed

    assert as_dict(book.levels()) == as_dict(market.snapshot().levels)
    assert book.unknown_deletes == 0
    depth = records.messages[records.messages["kind"] == DEPTH]
    assert int(market.snapshot().messages["last_id"][0]) == int(depth["last_id"][-1])


@pytest.mark.parametrize(("instrument", "rule"), [(USDM, SequenceRule.LINKED), (SPOT, SequenceRule.CONTIGUOUS)])
def test_ids_follow_the_rule_of_the_venue(instrument: Instrument, rule: SequenceRule) -> None:
    market = SyntheticMarket(2, instrument, start_ns=START)
    snapshot = market.snapshot()
    records = market.advance(START + 20 * SECOND)
    depth = records.messages[records.messages["kind"] == DEPTH]
    trades = records.messages[records.messages["kind"] == TRADE]

    before = np.concatenate([snapshot.messages["last_id"], depth["last_id"][:-1]])

    assert market.rule == rule
    assert (depth["first_id"] <= depth["last_id"]).all()
    if rule == SequenceRule.LINKED:
        assert (depth["prev_id"] == before).all()
        assert (depth["first_id"] > before).all()
        assert (depth["first_id"] > before + 1).any(), "ids jump"
    else:
        assert (depth["first_id"] == before + 1).all()
        assert (depth["prev_id"] == -1).all()
    assert (np.diff(trades["first_id"]) == 1).all()


@PRESETS
def test_a_book_sync_joins_anywhere_and_finds_no_gap(instrument: Instrument) -> None:
    market = SyntheticMarket(2, instrument, start_ns=START)
    market.advance(START + 3 * SECOND + 50_000_000)
    sync = BookSync(instrument, market.rule)

    log = [*sync.feed(market.snapshot()), *sync.feed(market.advance(START + 9 * SECOND))]

    assert sync.is_synced
    assert (sync.counts.gaps, sync.counts.old_messages, sync.counts.repeated_trades) == (0, 0, 0)
    assert int(log[0].messages["kind"][0]) == SNAPSHOT


def test_depth_messages_keep_the_cadence_and_name_each_level_once() -> None:
    records = SyntheticMarket(2, start_ns=START, cadence_ms=250).advance(START + 10 * SECOND)

    depth = records.messages[records.messages["kind"] == DEPTH]
    assert depth["event_ns"].tolist() == [START + 250_000_000 * i for i in range(1, 41)]
    assert (np.diff(records.messages["event_ns"]) >= 0).all()
    for message in depth:
        levels = records.levels[message["begin"] : message["end"]]
        assert len(levels) == len(as_dict(levels)) > 0


@PRESETS
def test_trades_are_at_the_best_price_of_the_side_they_hit(instrument: Instrument) -> None:
    market = SyntheticMarket(4, instrument, start_ns=START, cadence_ms=1)
    records = concatenate([market.snapshot(), market.advance(START + 30 * SECOND)])
    standing: Book = {}
    count = walked = 0

    for message, book in played(records, instrument):
        if message["kind"] != TRADE:
            standing = as_dict(book.levels(limit=20))
            continue
        level = records.levels[message["begin"]]
        is_sell = level["flags"] == SELL
        ticks = [tick for side, tick in standing if side == (0 if is_sell else 1)]
        best = (0, max(ticks)) if is_sell else (1, min(ticks))
        assert int(level["tick"]) == best[1]
        assert 0 < level["size"] <= standing[best]
        standing[best] -= int(level["size"])
        if standing[best] == 0:
            del standing[best]
            walked += 1
        count += 1

    assert count > 200
    assert walked > 5, "some orders eat a level"


def test_prices_lie_on_the_step_and_sizes_on_the_lot() -> None:
    fine = Instrument(venue="binance_coinm", symbol="X", price_decimals=3, size_decimals=2, tick=50, grid=10)
    market = SyntheticMarket(4, fine, start_ns=START, profile=MarketProfile(price_steps=20_000, lot=100))
    records = concatenate([market.snapshot(), market.advance(START + 2 * SECOND)])

    assert (records.levels["tick"] % 5 == 0).all()
    assert (records.levels["size"] % 100 == 0).all()
    assert abs(int(records.levels["tick"][0]) - 100_000) < 1000


@PRESETS
def test_an_hour_of_quiet_has_no_drift_in_its_depth(instrument: Instrument) -> None:
    market = SyntheticMarket(8, instrument, start_ns=START, regimes=QUIET)
    top, whole, count = [], [], []

    for turn in range(1, 361):
        market.advance(START + 10 * turn * SECOND)
        levels = market.snapshot().levels
        sides = [levels[levels["flags"] == side] for side in (0, 1)]
        assert min(len(side) for side in sides) >= 200
        top.append(sum(int(side["size"][:10].sum()) for side in sides))
        whole.append(int(levels["size"].sum()))
        count.append(len(levels))

    for series in (top, whole, count):
        x = np.linspace(-0.5, 0.5, len(series))
        drift_an_hour = np.polyfit(x, series, 1)[0] / np.mean(series)
        assert abs(drift_an_hour) < 0.1, drift_an_hour


@PRESETS
def test_quiet_market_looks_like_a_liquid_pair(instrument: Instrument) -> None:
    data = create_synthetic_order_book_data(9, duration_s=900, instrument=instrument, regimes=QUIET)
    m = measures(data.records, instrument)

    sd_bps = np.sqrt(np.mean(m["volatility"] ** 2))
    imbalance = m["imbalance"] - m["imbalance"].mean()
    memory = [np.mean(imbalance[lag:] * imbalance[:-lag]) / imbalance.var() for lag in (1, 10, 100)]
    trades = data.records.messages[data.records.messages["kind"] == TRADE]
    signs = data.records.levels["flags"][trades["begin"]]
    assert sd_bps == pytest.approx(0.5, rel=0.15)
    assert 5 < m["intensity"].mean() < 20
    assert np.mean(m["spread"] <= 3) > 0.8
    assert 1 > memory[0] > memory[1] > 0.05 > abs(memory[2]), "imbalance reverts to its mean"
    assert np.corrcoef(signs[1:], signs[:-1])[0, 1] > 0.4, "trade signs are sticky"


def test_a_wild_market_is_never_crossed_and_never_below_zero() -> None:
    wild = MarketProfile(price_steps=4 * k.RING, volatility_bps=100, trades_per_s=100, trade_lots=5000)
    changes = planted("volatility", 1, 59, 1, 20.0)
    market = SyntheticMarket(4, start_ns=START, cadence_ms=500, regimes=changes, profile=wild)
    records = concatenate([market.snapshot(), market.advance(START + 60 * SECOND)])

    for _, book in played(records, USDM):
        assert 0 < book.arena[book_kernels.BEST_BID] < book.arena[book_kernels.BEST_ASK] < book_kernels.NO_ASK

    assert as_dict(book.levels()) == as_dict(market.snapshot().levels)
    assert np.ptp(records.levels["tick"]) > 8 * k.REACH, "the price did run"


def test_truth_lies_inside_the_data_in_order_and_takes_the_kinds_in_turn() -> None:
    data = create_synthetic_order_book_data(seed=3, duration_s=610)
    truth = data.truth

    edges_ns = np.column_stack([truth["begin_ns"], truth["end_ns"]]).ravel() - START
    assert (np.diff(edges_ns) > 0).all()
    assert 120 * SECOND <= edges_ns[0] < edges_ns[-1] <= 610 * SECOND
    assert [data.kinds[kind] for kind in truth["kind"]] == [KINDS[i % 4] for i in range(len(truth))]
    assert len(truth) == 9, "the last one is still on, and cut off"


def test_plan_is_seeded_and_obeys_its_options() -> None:
    plan = RegimePlan(first_s=5, every_s=4, jitter_s=1, last_s=2, kinds=["imbalance"], factors={"imbalance": 2})
    one, same, other = (SyntheticMarket(seed, start_ns=START, regimes=plan) for seed in (1, 1, 2))
    for market in (one, same, other):
        market.advance(START + 100 * SECOND)

    truth = one.truth()

    assert truth.tobytes() == same.truth().tobytes() != other.truth().tobytes()
    assert (set(truth["factor"]), set(truth["direction"])) == ({2.0}, {-1, 1})
    late_ns = truth["begin_ns"] - START - (5 + 4 * np.arange(len(truth))) * SECOND
    assert 0 <= late_ns.min() < late_ns.max() <= SECOND


def test_a_change_that_is_on_ends_now() -> None:
    market = SyntheticMarket(1, start_ns=START, regimes=planted("liquidity", 1, 9, -1))

    market.advance(START + 500_000_000)
    assert len(market.truth()) == 0
    market.advance(START + 4 * SECOND)
    assert market.truth()["end_ns"].tolist() == [START + 4 * SECOND]
    market.advance(START + 20 * SECOND)
    assert market.truth().tolist() == planted("liquidity", 1, 9, -1).tolist()


def test_truth_of_one_market_plants_another() -> None:
    data = create_synthetic_order_book_data(seed=3, duration_s=210)

    again = create_synthetic_order_book_data(seed=3, duration_s=210, regimes=data.truth)

    assert as_bytes(again.records) == as_bytes(data.records)
    assert again.truth.tobytes() == data.truth.tobytes()


CHANGES = [("volatility", 1, 4), ("imbalance", 1, 5), ("imbalance", -1, 5), ("intensity", 1, 3), ("liquidity", -1, 3)]


@PRESETS
@pytest.mark.parametrize(("kind", "direction", "factor"), CHANGES)
def test_a_change_moves_its_own_measure_and_leaves_the_others(
    kind: str, direction: int, factor: float, instrument: Instrument
) -> None:
    changes = planted(kind, 600, 1200, direction, factor)
    data = create_synthetic_order_book_data(17, duration_s=1200, instrument=instrument, regimes=changes)

    m = measures(data.records, instrument)

    quiet, on = m["at_s"] < 600, m["at_s"] > 605
    own = {"volatility": 3.5, "intensity": 3.0, "liquidity": 1 / 3}
    for name in own:
        ratio = m[name][on].mean() / m[name][quiet].mean()
        assert ratio == pytest.approx(own[name] if name == kind else 1.0, rel=0.2), name
    shift = m["imbalance"][on].mean() - m["imbalance"][quiet].mean()
    assert shift == pytest.approx(0.62 * direction if kind == "imbalance" else 0.0, abs=0.1)


def test_data_is_an_input_log_and_a_frame() -> None:
    data = create_synthetic_order_book_data(1, duration_s=3, instrument=SPOT, regimes=planted("volatility", 1, 2))
    kinds = data.records.messages["kind"]

    frame = data.to_pandas()

    assert kinds[0] == SNAPSHOT
    assert set(kinds[1:]) == {DEPTH, TRADE}
    assert len(frame) == len(data.records.levels)
    assert list(frame.columns) == ["time", "kind", "id", "side", "price", "size", "regime"]
    assert set(frame["side"][frame["kind"] == "trade"]) == {"buy", "sell"}
    on = (frame["time"].astype("int64") - START).between(SECOND, 2 * SECOND - 1)
    assert (frame["regime"] == np.where(on, "volatility", "")).all()
    assert frame["price"].between(2900, 3100).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seed": -1}, "seed must be 0 to 9223372036854775807, got -1"),
        ({"duration_s": float("nan")}, "duration_s must be 0.001 to 604800, got nan"),
        ({"cadence_ms": 0}, "cadence_ms must be 1 to 10000, got 0"),
        ({"start_ns": START + 1}, "start_ns must be a whole millisecond"),
        ({"regimes": planted("volatility", -1, 1)}, "begin_ns of a change must be"),
        ({"regimes": planted("volatility", 1, 700)}, "end_ns of the last change must be"),
        ({"regimes": planted("volatility", 1, 2, 0)}, "direction of a change must be -1 or 1, got 0"),
        ({"regimes": planted("volatility", 1, 2, 1, 99)}, "factor of a change must be 1 to 20, got 99"),
        ({"regimes": np.array([(START, START + 1, 4, 1, 2)], TRUTH)}, "kind of a change must be 0 to 3, got 4"),
        ({"regimes": np.repeat(planted("volatility", 1, 2), 2)}, "begin_ns of a change must be"),
    ],
)
def test_arguments_out_of_range_are_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        create_synthetic_order_book_data(**wrong)  # type: ignore[arg-type]


def test_options_out_of_range_are_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown kind of change 'volatilty'"):
        RegimePlan(kinds=["volatilty"])
    with pytest.raises(UsageError, match="every_s must be 30"):
        RegimePlan(every_s=20)
    with pytest.raises(UsageError, match="order_lots must be 10"):
        MarketProfile(order_lots=0)
    with pytest.raises(UsageError, match="price_steps on the grid of test:X"):
        coarse = Instrument(venue="test", symbol="X", price_decimals=0, size_decimals=0, tick=10**6, grid=1)
        SyntheticMarket(0, coarse, start_ns=START)
