"""The classes of a label, by number."""

DOWN, FLAT, UP = 0, 1, 2
NO_LABEL = -100
"""Class of a row that has none, or of which nothing is said; what torch ignores by default."""
