"""Handlers of messages and events: one module each. Pure.

Contradictory data become findings, never exceptions.
"""
