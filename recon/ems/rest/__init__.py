"""Sending requests to a gateway over REST.

Begin with `client.open_rest_client`. Requests, responses and paths are in `recon.ems.protocol`; here are the attempts,
their bounds, and the removal of credentials. `tls` and `retry_after` also serve other HTTP clients.
"""
