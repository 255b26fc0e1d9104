"""What independent sources say was held, held against the books of that time. Pure (semantics 5.12)."""
