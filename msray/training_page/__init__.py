"""What a training came to, for people: one HTML document. The face is empty: it would load torch."""
