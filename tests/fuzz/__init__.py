"""The fuzzer: messages that no EMS should send, and three things that must hold all the same. See `__main__`."""
