"""`recon demo`: a simulated trading day, a live screen, and a score."""
