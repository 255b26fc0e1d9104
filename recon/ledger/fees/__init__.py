"""Fees: rates learned or told, and their estimate. Pure."""
