"""The EMS over REST: questions, their answers and what they say, and the client that asks (protocol 11)."""
