"""Training: from feature rows to networks, chosen on rows they never saw. The face is empty: it would load torch."""
