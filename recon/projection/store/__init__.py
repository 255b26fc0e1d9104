"""All SQL of the projected tables: schemas, loading, saving, and the digest."""
