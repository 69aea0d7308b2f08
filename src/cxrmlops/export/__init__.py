"""Studies for people outside: without identity, checked, whole."""
