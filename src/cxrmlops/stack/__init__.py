"""The servers of one machine: described once, started, watched and stopped together."""
