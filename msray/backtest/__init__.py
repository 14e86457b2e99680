"""Backtests: a recorded market, a simulated venue, a strategy with its risk limits, and exact accounts."""
