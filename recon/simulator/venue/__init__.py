"""The simulated venue: market, traders, ledger, fees."""
