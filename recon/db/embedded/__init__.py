"""The Postgres server that recon runs by itself."""
