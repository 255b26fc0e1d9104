"""What `recon check` tells a job: breaks that count, what recon does not see, and what the answer rests on."""
