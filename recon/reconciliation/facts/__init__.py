"""Facts from outside, applied to the ledger and to breaks. Pure."""
