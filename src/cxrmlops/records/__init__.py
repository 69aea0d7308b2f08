"""What one stage hands to another: columns of tables, and a module per JSON file."""
