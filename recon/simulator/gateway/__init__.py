"""The simulated EMS gateway."""
