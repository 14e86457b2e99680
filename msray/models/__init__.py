"""Networks over rows of features, and what they are made small by. The face is empty: it would load torch."""
