"""What `recon check` tells: its document, and how it is read."""
