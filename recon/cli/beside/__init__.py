"""Logs folded beside the current books, for `recon rebuild` and `recon what-if`: here, or each by a worker."""
