"""``FeatureEngineering``: an input log in, feature rows out; the same bits in bulk and record by record."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from msray.book import L2Book
from msray.errors import UsageError
from msray.features import kernels
from msray.features.spec import CATALOGUE, NAMES, column, has_levels
from msray.features.state import VWAP_NOTIONAL, grow, new_state, regrid, reset
from msray.market import DEPTH, GAP, OTHER, REGRID, SNAPSHOT, TRADE, Instrument, Records

if TYPE_CHECKING:
    import pandas as pd

WIDE_ROW_LAYOUT = np.dtype([(feature.name, "f8") for feature in CATALOGUE])
ROW_LAYOUT = np.dtype([(name, "f8") for name in NAMES])
"""A whole row as a record, with the columns of the levels family and without: ``row["spread_bps"]``."""

Extra = Callable[[Any], float]
"""A feature of a user's own: takes a row (a record of ``ROW_LAYOUT``, or of ``WIDE_ROW_LAYOUT`` where a column of the
levels family was asked for), gives a number; it sees nothing else."""


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Feature rows, one for each depth message.

    Attributes
    ----------
    event_ns, local_ns, update_id
        Exchange time, local time and last update id of the depth message, ``int64`` arrays of length n.
    values
        ``float64`` array, n by the number of names; NaN where a feature is undefined, never infinite.
    names
        What the columns of ``values`` are.
    """

    event_ns: NDArray[np.int64]
    local_ns: NDArray[np.int64]
    update_id: NDArray[np.int64]
    values: NDArray[np.float64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.event_ns)

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """One column (no copy)."""
        if name not in self.names:
            column(name)
            raise UsageError(f"feature {name!r} was not asked for", hint=f"columns here: {', '.join(self.names[:12])}")
        return self.values[:, self.names.index(name)]

    def to_pandas(self) -> "pd.DataFrame":
        """The table as a data frame: ``event_ns``, ``local_ns``, ``update_id``, then a column a feature."""
        import pandas as pd

        ids = {"event_ns": self.event_ns, "local_ns": self.local_ns, "update_id": self.update_id}
        return pd.DataFrame(ids | {name: self.values[:, i] for i, name in enumerate(self.names)})


class FeatureEngineering:
    """The features of one instrument, folded over its input log.

    Parameters
    ----------
    instrument
        Whose log it is.
    names
        Features to give out, in this order; by default the 65 of ``NAMES``, which are computed in any case. Those of
        the levels family (``BOOK_COLUMNS``, ``NETWORK_COLUMNS``) are computed where one of them is named.
    extra
        Features of your own, after the named ones: name to a function of the row. What is not finite becomes NaN.
    vwap_notional
        What ``vwap_spread_bps`` buys and sells, as price times size.

    Raises
    ------
    UnknownNameError
        For a name that is not in the catalogue; offers the nearest.
    UsageError
        For a name given twice, or an extra name that the catalogue has.

    Examples
    --------
    >>> from msray.market import Instrument
    >>> btc = Instrument(venue="test", symbol="BTCUSDT", price_decimals=1, size_decimals=3, tick=1, grid=1)
    >>> features = FeatureEngineering(
    ...     btc, ["spread_ticks", "imbalance_l5"], extra={"wide": lambda row: float(row["spread_ticks"] > 2)}
    ... )
    >>> features.names, features.units
    (('spread_ticks', 'imbalance_l5', 'wide'), ('ticks', '1', ''))
    """

    def __init__(
        self,
        instrument: Instrument,
        names: Iterable[str] | None = None,
        *,
        extra: Mapping[str, Extra] | None = None,
        vwap_notional: float = VWAP_NOTIONAL,
    ) -> None:
        chosen = NAMES if names is None else tuple(names)
        self.extra = dict(extra or {})
        self.names = (*chosen, *self.extra)
        self._columns = [column(name) for name in chosen]
        if len(set(self.names)) < len(self.names) or not self.extra.keys().isdisjoint(WIDE_ROW_LAYOUT.names or ()):
            raise UsageError(
                f"names of features must differ from each other and from the catalogue's, got {self.names}"
            )
        self.has_levels = has_levels(self._columns)
        self.units = (*(CATALOGUE[at].unit for at in self._columns), *("" for _ in self.extra))
        self._first_instrument = instrument
        self._vwap_notional = vwap_notional
        self._start()

    def _start(self) -> None:
        self.book = L2Book(self._first_instrument)
        self.state = new_state(self._first_instrument, vwap_notional=self._vwap_notional, levels=self.has_levels)
        self.is_synced = False

    @property
    def instrument(self) -> Instrument:
        """The instrument, on the grid it has now."""
        return self.book.instrument

    def transform(self, records: Records) -> FeatureTable:
        """Features of a whole log, from its beginning.

        Parameters
        ----------
        records
            SNAPSHOT, DEPTH, TRADE, GAP, REFRESH and REGRID messages of the instrument, as ``BookSync`` gives them out.

        Returns
        -------
        FeatureTable
            A row for each DEPTH message of an epoch; there are none between GAP and SNAPSHOT. A REFRESH has no row;
            what it heals in the book shows as flow in the next one.
        """
        self._start()
        return self.update(records)

    def update(self, records: Records) -> FeatureTable:
        """Features of the next records of a log.

        However a log is cut into calls, the rows together are those of one :meth:`transform`.
        """
        messages = records.messages
        kinds = messages["kind"]
        width = kernels.COLUMNS + kernels.LEVEL_COLUMNS * self.has_levels
        rows = np.empty((int((kinds == DEPTH).sum()), width))
        done: list[NDArray[np.intp]] = []
        filled = start = 0
        for at in [*np.flatnonzero((kinds != DEPTH) & (kinds != TRADE) & (kinds != OTHER)), len(kinds)]:
            if self.is_synced:
                depths = start + np.flatnonzero(kinds[start:at] == DEPTH)
                self._fold(records, start, int(at), rows[filled : filled + len(depths)])
                done.append(depths)
                filled += len(depths)
            if at < len(kinds):
                self._take(records, int(at))
            start = int(at) + 1
        given = messages[np.concatenate(done)] if done else messages[:0]
        ids = (given["event_ns"].copy(), given["local_ns"].copy(), given["last_id"].copy())
        return FeatureTable(*ids, self._chosen(rows[:filled]), self.names)

    def _fold(self, records: Records, at: int, end: int, rows: NDArray[np.float64]) -> None:
        """Fold DEPTH and TRADE messages, making room where there is none."""
        messages, levels = records.messages, records.levels
        while True:
            stop = int(kernels.fold(self.book.arena, self.state, messages, levels, at, end, rows))
            rows = rows[int((messages["kind"][at:stop] == DEPTH).sum()) :]
            at = stop
            if self.state[kernels.STATUS] == kernels.BOOK_FULL:
                self.book.make_room(levels, int(messages["begin"][at]), int(messages["end"][at]))
            elif self.state[kernels.STATUS] == kernels.STATE_FULL:
                self.state = grow(self.state)
            else:
                return

    def _take(self, records: Records, at: int) -> None:
        """Take a GAP, REGRID, SNAPSHOT or REFRESH."""
        message = records.messages[at]
        if message["kind"] == GAP:
            self.is_synced = False
        elif message["kind"] == REGRID:
            instrument = self.instrument.regridded(int(message["first_id"]), int(message["last_id"]))
            self.book.regrid(instrument, int(message["prev_id"]))
            regrid(self.state, instrument, int(message["prev_id"]))
        elif message["kind"] == SNAPSHOT or self.is_synced:
            self.book.load(records.levels[message["begin"] : message["end"]], int(message["first_id"]))
            if message["kind"] == SNAPSHOT:
                reset(self.state)
                self.is_synced = True

    def _chosen(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        chosen = rows if self._columns == list(range(rows.shape[1])) else rows[:, self._columns]
        if not self.extra:
            return chosen
        seen = rows.view(WIDE_ROW_LAYOUT if self.has_levels else ROW_LAYOUT)[:, 0]
        seen.flags.writeable = False
        own = np.array([[function(row) for function in self.extra.values()] for row in seen], np.float64)
        own[~np.isfinite(own)] = np.nan
        return np.hstack([chosen, own.reshape(len(rows), len(self.extra))])
