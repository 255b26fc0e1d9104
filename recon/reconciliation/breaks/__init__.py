"""Breaks: identity, classification, decisions, approval, resolution. Pure (semantics 8, 10)."""
