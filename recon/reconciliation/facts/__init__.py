"""External facts, applied to entries and breaks. Pure (semantics 10.3)."""
