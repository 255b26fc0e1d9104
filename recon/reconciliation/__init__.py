"""Reconciliation: what the EMS reports held against the books, and the life of what does not agree."""
