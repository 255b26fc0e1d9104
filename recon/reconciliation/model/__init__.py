"""The nouns of reconciliation: break, comparison, transition, lifecycle, severity, verdict. Pure."""
