"""What each JSON file holds that one stage hands to another: a module per file."""
