"""Evidence of a business day: a directory that anybody can check without recon and without its database.

`recon evidence` writes it, and the `verify.py` in it checks it (operator 2.7).
"""
