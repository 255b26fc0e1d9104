"""The simulated gateway's REST."""
