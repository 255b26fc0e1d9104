"""Ways out for alerts: one file a channel."""
