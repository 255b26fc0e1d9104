"""The support bundle: what somebody else needs to see what is wrong with recon, without any secret.

`sources` reads the database, `logs` the ends of log files, `cleaning` removes secrets, and `bundle` packs it all.
"""
