"""The EMS protocol: messages, decoding, credentials, and the consumer that listens to a gateway."""
