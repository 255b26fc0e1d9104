"""The event log: append-only, one order per gateway, a digest that chains every event to the one before."""
