"""One handler a message or event: how each changes the ledger. Pure."""
