"""The demonstration: a simulated trading day, a live screen, and a score."""
