"""The steps of `recon ems check`: whether a gateway can be reached, and what to do if not.

Begin with `check_gateway.check_site`, which tries one site from its name to its REST API.

* `report`: a step and its result (pure).
* `tls_probe`: the TLS handshake, and the test for a port without TLS.
* `session_report`: the messages of a session, counted by account (pure).
* `check_rest`: the requests that backfill sends.
"""
