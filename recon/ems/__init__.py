"""The EMS: its protocol, its WebSocket, its REST API, its managed cloud, and checks for whoever sets a gateway up.

* `protocol`: messages, decoding, sessions, REST requests and responses (pure).
* `websocket`: the listener that records a gateway's frames.
* `rest`: the client that sends requests to a gateway.
* `cloud`: the managed cloud, where sites and client certificates are found.
* `diagnostics`: the steps of `recon ems check`.
* `credentials`, `close_reasons`, `urls`: shared by all of them.
"""
