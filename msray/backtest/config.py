"""What a backtest assumes: capital, exits, costs, clocks, queue and limits, each with its unit and range."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MS = 1_000_000
SECOND = 1_000_000_000

Share = Annotated[float, Field(gt=0, le=1)]
MOST_WIDTH = 0.2
Width = Annotated[float, Field(ge=1e-9, le=MOST_WIDTH)]
"""A fraction of a price: 0.005 is 0.5 %."""
Rate = Annotated[float, Field(ge=-0.01, le=0.05)]
Milliseconds = Annotated[float, Field(ge=0, le=60_000)]


class _Words(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True, validate_default=True
    )


class LatencyConfig(_Words):
    """How long orders and answers travel. Market data is as late as it was recorded."""

    entry_ms: Milliseconds = 10.0
    """From sending an order to its arrival at the matching engine, in milliseconds."""
    response_ms: Milliseconds = 10.0
    """From an event at the matching engine to our learning of it, in milliseconds."""
    jitter_ms: Milliseconds = 0.0
    """Mean of an exponential delay added to each way, in milliseconds; 0: none."""


class QueueConfig(_Words):
    """Where in the queue a resting order is believed to stand."""

    model: Literal["risk_averse", "power", "logarithm", "fifo"] = "risk_averse"
    """risk_averse: whoever leaves the level stood behind us; power, logarithm: where they stood is a matter of chance,
    more likely behind the more stands there; fifo: who stood where is known, for recordings told order by order
    (LOBSTER)."""
    power: Annotated[float, Field(ge=0.1, le=10)] = 2.0
    """Exponent of the power model."""


class RiskConfig(_Words):
    """Limits that every order meets before it is sent. Fractions are of the equity at that moment."""

    max_position_pct: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Largest position in one instrument, as a fraction of equity."""
    max_exposure_pct: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Largest sum of all positions without their signs, as a fraction of equity."""
    max_order_pct: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Largest value of one order, as a fraction of equity."""
    max_open_orders: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Orders that may be open at once."""
    max_orders_per_s: Annotated[int, Field(ge=1, le=100_000)] = 50
    """Orders, cancels and replacements that may be sent within one second."""
    max_daily_loss_pct: Share = 0.05
    """Loss since midnight UTC at which trading stops, as a fraction of the equity then."""
    max_drawdown_pct: Share = 0.2
    """Fall from the highest equity at which trading stops."""


class FundingRate(_Words):
    """One payment of a perpetual future: what is long pays a positive rate, what is short receives it."""

    instrument: str
    """``venue:SYMBOL``."""
    at_ns: Annotated[int, Field(ge=0)]
    """When, nanoseconds UTC."""
    rate: Annotated[float, Field(ge=-0.05, le=0.05)]
    """Fraction of the position's value: 0.0001 is one basis point."""


class MarketMakerConfig(_Words):
    """How a market maker quotes: one bid and one ask about the mid, lower the more it holds.

    Examples
    --------
    >>> MarketMakerConfig(model="avellaneda_stoikov", horizon_s=5.0).interval_ms
    100.0
    """

    model: Literal["avellaneda_stoikov", "glft"] = "glft"
    """avellaneda_stoikov: as if trading ended after the horizon, which moves along; glft: as if it never ended."""
    interval_ms: Annotated[float, Field(ge=1, le=60_000)] = 100.0
    """Time between two looks at the market, after which quotes may be moved, in milliseconds."""
    order_value_pct: Share = 0.01
    """Value of each quote, a fraction of the equity at the first look; its size stays the same from then on."""
    order_size: Annotated[float, Field(gt=0, le=1e12)] | None = None
    """Size of each quote, in the venue's units (base, or contracts); left out: as order_value_pct says."""
    max_inventory_orders: Annotated[int, Field(ge=1, le=10_000)] = 5
    """Largest position, in multiples of the size of a quote. A quote that was partly filled while a change of it was
    on its way can exceed it, by less than one quote."""
    gamma: Annotated[float, Field(ge=1e-9, le=1e3)] = 0.01
    """Aversion to risk, per tick and order: 0 would be none."""
    horizon_s: Annotated[float, Field(gt=0, le=86_400)] = 1.0
    """Time until the end of trading that the Avellaneda-Stoikov model believes in, in seconds."""
    min_half_spread_ticks: Annotated[float, Field(ge=0, le=1e6)] = 0.5
    """Least distance of each quote from the middle of both, in ticks of the venue."""
    half_life_s: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    """Volatility and intensity come from the past, in which an observation counts half after so many seconds; nothing
    is quoted before so many have been observed."""
    arrivals_per_s: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Trades a second on each side that an order at the mid would meet (the papers' A); left out: from the past."""
    decay_per_tick: Annotated[float, Field(ge=1e-9, le=1e3)] | None = None
    """How fast they become fewer with an order's distance from the mid, per tick (the papers' k); left out: from the
    past."""

    @model_validator(mode="after")
    def _has_whole_intensity(self) -> Self:
        if (self.arrivals_per_s is None) != (self.decay_per_tick is None):
            raise ValueError("arrivals_per_s and decay_per_tick must be given together or both be left out")
        return self


class BacktestConfig(_Words):
    """What a backtest assumes.

    Examples
    --------
    >>> BacktestConfig().profit_target_pct
    0.005
    """

    initial_capital: Annotated[float, Field(gt=0, le=1e12)] = 10000.0
    """Cash at the start, in quote units."""
    profit_target_pct: Width = 0.005
    """Gain at which a position is closed, a fraction of its entry price: 0.005 is 0.5 %."""
    stop_loss_pct: Width = 0.003
    """Loss at which a position is closed, a fraction of its entry price."""
    max_holding_seconds: Annotated[float, Field(gt=0, le=30 * 86_400)] = 300.0
    """Longest time a position is held, in seconds."""
    fee_rate: Rate = 0.001
    """Fee of a trade that takes liquidity, a fraction of its value: 0.001 is 0.1 %."""
    maker_fee_rate: Rate | None = None
    """Fee of a trade that provides liquidity; negative: a rebate; left out: the same as fee_rate."""
    slippage_bps: Annotated[float, Field(ge=0, le=1000)] = 5.0
    """Cost of a trade beyond the quoted price, in basis points, where only trades or bars are known. With an order book
    it is not assumed but follows from the book."""
    position_size_pct: Share = 0.1
    """Value of a position, a fraction of the equity at its entry."""
    contract_size: Annotated[float, Field(gt=0, le=1e6)] = 100.0
    """Quote units that one contract of an inverse future stands for (100 USD for BTC on Binance COIN-M, else 10)."""
    clock_correction_ms: Annotated[float, Field(ge=-3_600_000, le=3_600_000)] = 0.0
    """Added to the recorder's clock, in milliseconds, where it was wrong: nothing is received before it was sent."""
    compute_ms: Milliseconds = 1.0
    """From receiving a message to knowing its features and signals, in milliseconds."""
    max_feed_delay_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    """A message that was longer on its way counts as sent this long before it was received, in seconds."""
    latency: LatencyConfig = LatencyConfig()
    """How long orders and answers travel."""
    queue: QueueConfig = QueueConfig()
    """Where a resting order stands in its queue."""
    risk: RiskConfig = RiskConfig()
    """Limits that every order meets."""
    maker: MarketMakerConfig = MarketMakerConfig()
    """How the market maker quotes."""
    funding: tuple[FundingRate, ...] = ()
    """Payments of perpetual futures, in any order."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of everything random."""

    @property
    def maker_rate(self) -> float:
        """Fee of a trade that provides liquidity."""
        return self.fee_rate if self.maker_fee_rate is None else self.maker_fee_rate
