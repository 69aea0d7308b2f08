"""Which model is in use and who said so. Effects; called by flows and commands."""
