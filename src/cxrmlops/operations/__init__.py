"""Keeping it running: doctor, heartbeat and status, notices, backup, cleaning up."""
