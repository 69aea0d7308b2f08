"""What is waiting, claimed, scored, delivered and approved. Effects."""
