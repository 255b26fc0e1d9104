"""Sending requests to a gateway over REST.

Begin with `client.open_rest_client`. Requests, responses and paths are in `recon.ems.protocol`; here are the attempts,
their bounds, and the removal of credentials. `tls` also serves the client of the management API.
"""
