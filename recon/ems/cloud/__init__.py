"""The managed cloud: finding a gateway's sites, and the client certificate for them (protocol 12).

Begin with `sites.ManagedSites`, the source of a gateway's address.

* `address`: the address itself, and the source of a fixed one.
* `endpoint_list`: from the listed endpoints to URLs in their order (pure).
* `management`: the client of the management API.
* `certificates`: reading, checking and storing client certificates.
"""
