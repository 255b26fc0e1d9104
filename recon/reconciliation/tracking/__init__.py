"""How one unit's reports are followed: openings, agreements, steps, fees. Pure (semantics 4, 5, 8.5)."""
