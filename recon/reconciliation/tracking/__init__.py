"""The comparison's inner mechanisms. Pure."""
