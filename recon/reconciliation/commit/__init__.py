"""Writing down what the trellis decided: openings, breaks, fees and rounding. Pure (semantics 4, 5, 6)."""
