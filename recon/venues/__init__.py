"""Venues that recon asks itself what an account holds: a witness that does not share the EMS's upstream.

`client` says what can be asked, and nothing in it can place, change or cancel anything. `ccxt_client` asks through the
library ccxt, an extra: `pip install 'recon[venues]'`. The agent asks now and then; each answer is an event.
"""
