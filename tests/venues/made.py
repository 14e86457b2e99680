"""Frames made by hand."""

from tests.instruments import COINM, SPOT, USDM

SPOT_DEPTH = (
    b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":50093239189,'
    b'"u":50093239202,"b":[["61737.63000000","0.00000000"],["61730.17000000","1.25000000"]],'
    b'"a":[["61837.64000000","1.54698000"]]}}'
)
SPOT_TRADE = (
    b'{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,"p":"61837.63000000",'
    b'"q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
SPOT_TICKER = (
    b'{"stream":"btcusdt@bookTicker","data":{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000",'
    b'"a":"61837.64000000","A":"1.54698000"}}'
)
SPOT_SNAPSHOT = (
    b'{"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"]],"asks":[["61837.64000000","1.54698000"]]}'
)
USDM_DEPTH = (
    b'{"e":"depthUpdate","E":1723161256299,"T":1723161256298,"s":"BTCUSDT","U":5123107832006,"u":5123107837557,'
    b'"pu":5123107831937,"b":[["58710.20","0.014"],["61496.50","0.010"]],"a":[["61510.90","0.000"]]}'
)
USDM_TRADE = (
    b'{"e":"trade","E":1723161256322,"T":1723161256321,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006",'
    b'"X":"MARKET","m":false}'
)
USDM_AGGREGATE = (
    b'{"e":"aggTrade","E":1723161256322,"a":2310000001,"s":"BTCUSDT","p":"61800.30","q":"0.006","f":5266583935,'
    b'"l":5266583936,"T":1723161256321,"m":true}'
)
COINM_DEPTH = (
    b'{"e":"depthUpdate","E":1723161257440,"T":1723161257432,"s":"BTCUSD_PERP","ps":"BTCUSD","U":1007198631260,'
    b'"u":1007198631565,"pu":1007198631198,"b":[["61773.6","1001"]],"a":[]}'
)
COINM_SNAPSHOT = (
    b'{"lastUpdateId":1007198635033,"E":1723161257835,"T":1723161257823,"symbol":"BTCUSD_PERP","pair":"BTCUSD",'
    b'"bids":[["61804.7","35"],["61802.0","8"]],"asks":[["61804.8","1645"]]}'
)
MARK_PRICE = (
    b'{"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1680652800010,"s":"BTCUSDT","p":"28155.10000000",'
    b'"P":"28141.47600845","i":"28165.04857143","r":"0.00002760","T":1680652800000}}'
)
ANSWER = b'{"result":null,"id":1}'
FRAMES = {
    SPOT: [SPOT_DEPTH, SPOT_TRADE, SPOT_TICKER, SPOT_SNAPSHOT, MARK_PRICE, ANSWER],
    USDM: [USDM_DEPTH, USDM_TRADE, USDM_AGGREGATE, ANSWER, SPOT_TICKER],
    COINM: [COINM_DEPTH, COINM_SNAPSHOT, USDM_TRADE.replace(b"BTCUSDT", b"BTCUSD_PERP")],
}
"""What each instrument's sockets and answers may bring."""
