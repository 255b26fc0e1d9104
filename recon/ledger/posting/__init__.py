"""How fills and reports become entries. Pure."""
