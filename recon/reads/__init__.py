"""Reading the public views for people: what terminal and page ask of schema `recon`, as SQL that anybody may run."""
