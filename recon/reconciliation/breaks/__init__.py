"""Breaks: identity, classification, decisions, approval, resolution. Pure."""
