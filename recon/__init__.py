"""recon: event-sourced position and balance reconciliation."""
