"""The managed cloud: where sites are, and the certificate that proves who we are (protocol 12)."""
