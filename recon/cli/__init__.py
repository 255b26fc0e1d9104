"""The command line: thin commands over the service, the views and the log."""
