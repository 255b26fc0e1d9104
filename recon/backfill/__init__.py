"""Fetching what a gap hid: what to ask, and the agent that asks it."""
