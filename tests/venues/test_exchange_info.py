"""``exchangeInfo`` of the three markets, as documented, cut down to what is read and a little more."""

import json
from typing import Any

import pytest

from msray.errors import MessageError, UnknownNameError
from msray.market import Instrument
from msray.venues import read_exchange_info, read_trading

SPOT_INFO: dict[str, Any] = {
    "timezone": "UTC",
    "serverTime": 1723161255208,
    "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}],
    "exchangeFilters": [],
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "orderTypes": ["LIMIT", "MARKET"],
            "isSpotTradingAllowed": True,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": "0.01000000",
                    "maxPrice": "1000000.00000000",
                    "tickSize": "0.01000000",
                },
                {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
                {"filterType": "ICEBERG_PARTS", "limit": 10},
            ],
        },
        {
            "symbol": "BTTCUSDT",
            "status": "BREAK",
            "baseAssetPrecision": 8,
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.00000000010000"},
                {"filterType": "LOT_SIZE", "maxQty": "913205152700.00000000"},
            ],
        },
    ],
}
USDM_INFO: dict[str, Any] = {
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "pair": "BTCUSDT",
            "contractType": "PERPETUAL",
            "status": "TRADING",
            "pricePrecision": 2,
            "quantityPrecision": 3,
            "baseAssetPrecision": 8,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
                {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                {"filterType": "PERCENT_PRICE", "multiplierDecimal": 4},
            ],
        }
    ]
}
COINM_INFO: dict[str, Any] = {
    "symbols": [
        {
            "symbol": "DOTUSD_PERP",
            "pair": "DOTUSD",
            "contractStatus": "SETTLING",
            "contractSize": 10,
            "pricePrecision": 3,
            "quantityPrecision": 0,
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.005"},
                {"filterType": "LOT_SIZE", "maxQty": "1000000", "stepSize": "1"},
            ],
        }
    ]
}


def encode(document: object) -> bytes:
    return json.dumps(document).encode()


def test_spot_sizes_have_the_decimals_of_its_strings_not_of_its_lot_step() -> None:
    listing = read_exchange_info(encode(SPOT_INFO), "binance_spot", ["BTCUSDT"])["BTCUSDT"]

    assert listing.instrument == Instrument(
        venue="binance_spot", symbol="BTCUSDT", price_decimals=2, size_decimals=8, tick=1, grid=1
    )
    assert listing.is_trading


def test_sizes_lose_decimals_only_where_the_largest_orders_would_not_fit() -> None:
    listing = read_exchange_info(encode(SPOT_INFO), "binance_spot")["BTTCUSDT"]

    assert (listing.instrument.price_decimals, listing.instrument.tick) == (10, 1)
    assert listing.instrument.size_decimals == 3
    assert 913205152700 * 10**3 * 1000 <= 2**62 < 913205152700 * 10**4 * 1000
    assert (listing.status, listing.is_trading) == ("BREAK", False)


def test_futures_price_decimals_come_from_the_tick_not_from_the_display() -> None:
    usdm = read_exchange_info(encode(USDM_INFO), "binance_usdm")["BTCUSDT"].instrument
    coinm = read_exchange_info(encode(COINM_INFO), "binance_coinm")["DOTUSD_PERP"]

    assert (usdm.price_decimals, usdm.tick, usdm.grid, usdm.size_decimals) == (1, 1, 1, 3)
    assert (coinm.instrument.price_decimals, coinm.instrument.tick, coinm.instrument.size_decimals) == (3, 5, 0)
    assert coinm.status == "SETTLING"


def test_what_trades_is_read_without_judging_the_rest() -> None:
    usdm = {"symbols": [{"symbol": "A", "status": "TRADING"}, {"symbol": "B", "status": "SETTLING"}, {"symbol": "C"}]}
    coinm = {
        "symbols": [{"symbol": "A", "contractStatus": "TRADING", "filters": 7}, {"contractStatus": "PENDING_TRADING"}]
    }

    assert read_trading(encode(SPOT_INFO), "binance_spot") == {"BTCUSDT"}
    assert read_trading(encode(usdm), "binance_usdm") == {"A"}
    assert read_trading(encode(coinm), "binance_coinm") == {"A"}


@pytest.mark.parametrize(
    "document", [b"", b"[]", b"{}", b'{"symbols":[{"symbol":7}]}', b'{"symbols":[{"symbol":"\xff"}]}']
)
def test_what_cannot_be_read_says_nothing_of_what_trades(document: bytes) -> None:
    with pytest.raises(MessageError, match="exchangeInfo of binance_spot must be"):
        read_trading(document, "binance_spot")


def test_symbol_that_is_not_listed_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        read_exchange_info(encode(SPOT_INFO), "binance_spot", ["BTCUSDC"])

    assert caught.value.hint == "did you mean 'BTCUSDT'?"


def changed(path: list[str | int], value: object) -> bytes:
    document = json.loads(json.dumps(SPOT_INFO))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return encode(document)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b'{"symbols":[1]}', "must be a JSON object"),
        (b'{"code":-1121,"msg":"Invalid symbol."}', "symbols"),
        (b"\xff", "must be a JSON object"),
        (changed(["symbols", 0, "status"], None), r"BTCUSDT: Expected `str`, got `null`|BTCUSDT: Expected `str`"),
        (changed(["symbols", 0, "baseAssetPrecision"], 19), "BTCUSDT: .*<= 18"),
        (changed(["symbols", 0, "filters"], []), "BTCUSDT must have .*PRICE_FILTER"),
        (changed(["symbols", 0, "filters", 0, "tickSize"], "0.00"), "tickSize must be positive, got 0.00"),
        (changed(["symbols", 0, "filters", 0, "tickSize"], "1e-2"), "tickSize must be a plain decimal"),
        (changed(["symbols", 0, "filters", 1, "maxQty"], "-1"), "maxQty must be a plain decimal"),
    ],
)
def test_document_that_cannot_be_read_names_symbol_and_field(document: bytes, words: str) -> None:
    with pytest.raises(MessageError, match=words):
        read_exchange_info(document, "binance_spot")


def test_symbols_that_are_not_wanted_are_not_judged() -> None:
    document = changed(["symbols", 1, "filters"], [])

    assert list(read_exchange_info(document, "binance_spot", {"BTCUSDT"})) == ["BTCUSDT"]
