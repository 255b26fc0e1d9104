"""What is on the wire: messages, decoding, sessions, REST requests and answers. Pure."""
