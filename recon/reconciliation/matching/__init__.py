"""Cuts, residuals and tolerances. Pure."""
