"""The nouns of reconciliation. Pure."""
