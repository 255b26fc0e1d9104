"""The WebSocket consumer: connect, listen, reconnect, fail back."""
