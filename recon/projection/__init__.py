"""Projection: folding the log into books, comparison and breaks, one transaction at a time; editions and rebuild."""
