"""What the model does on the test set, for whom, and with which studies unread."""
