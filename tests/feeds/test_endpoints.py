import pytest

from msray.errors import UsageError
from msray.feeds.endpoints import MOST_STREAMS, plan_connections, rest_base
from msray.market import Instrument
from msray.venues import VENUES
from tests.instruments import COINM, ETH, SPOT, USDM


def test_depth_and_trades_of_usd_m_are_two_connections_and_of_others_one() -> None:
    plans = plan_connections([USDM, SPOT, ETH, COINM])

    assert [(plan.venue, plan.url, plan.instruments) for plan in plans] == [
        (
            "binance_usdm",
            "wss://fstream.binance.com/public/stream?streams=btcusdt@depth@0ms/ethusdt@depth@0ms",
            (USDM.id, ETH.id),
        ),
        (
            "binance_usdm",
            "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade",
            (USDM.id, ETH.id),
        ),
        ("binance_spot", "wss://stream.binance.com:9443/stream?streams=btcusdt@depth@100ms/btcusdt@trade", (SPOT.id,)),
        (
            "binance_coinm",
            "wss://dstream.binance.com/stream?streams=btcusd_perp@depth@0ms/btcusd_perp@aggTrade",
            (COINM.id,),
        ),
    ]


def test_a_simulator_has_all_venues_under_one_address() -> None:
    plans = plan_connections([USDM, SPOT, COINM], endpoint="http://127.0.0.1:9000/")

    assert [plan.url.partition("?")[0] for plan in plans] == [
        "ws://127.0.0.1:9000/fapi/public/stream",
        "ws://127.0.0.1:9000/fapi/market/stream",
        "ws://127.0.0.1:9000/stream",
        "ws://127.0.0.1:9000/dapi/stream",
    ]
    assert rest_base(VENUES["binance_spot"], "http://127.0.0.1:9000/") == "http://127.0.0.1:9000"
    assert plan_connections([SPOT], endpoint="wss://x:1")[0].url.startswith("wss://x:1/stream?")
    assert rest_base(VENUES["binance_spot"], "wss://x:1") == "https://x:1"
    assert plan_connections([SPOT], endpoint="https://x:1")[0].url.startswith("wss://x:1/stream?")


def test_one_socket_carries_depth_and_trades_of_a_venue() -> None:
    plans = plan_connections([USDM, ETH], endpoint="http://127.0.0.1:9000", one_socket=True)

    assert [plan.url for plan in plans] == [
        "ws://127.0.0.1:9000/fapi/stream?streams=btcusdt@depth@0ms/btcusdt@aggTrade/ethusdt@depth@0ms/ethusdt@aggTrade"
    ]
    with pytest.raises(UsageError, match="binance_usdm sends depth and trades over two sockets"):
        plan_connections([USDM], one_socket=True)


def test_many_instruments_are_spread_over_connections() -> None:
    many = [
        Instrument(venue="binance_spot", symbol=f"S{i}", price_decimals=1, size_decimals=0, tick=1, grid=1)
        for i in range(250)
    ]

    plans = plan_connections(many)

    assert [plan.url.count("@depth") + plan.url.count("@trade") for plan in plans] == [MOST_STREAMS, MOST_STREAMS, 100]
    assert [name for plan in plans for name in plan.instruments] == [one.id for one in many]


def test_a_symbol_beyond_ascii_is_quoted() -> None:
    odd = Instrument(venue="binance_spot", symbol="币安USDT", price_decimals=1, size_decimals=0, tick=1, grid=1)

    assert "streams=%E5%B8%81%E5%AE%89usdt@depth@100ms/" in plan_connections([odd])[0].url


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:9000", "ws://x/stream", "http://", "http://:80", "http://x/path", "http://x?y=1", "ftp://x"]
)
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    with pytest.raises(UsageError, match="endpoint must look like http://host:port"):
        plan_connections([USDM], endpoint=endpoint)
