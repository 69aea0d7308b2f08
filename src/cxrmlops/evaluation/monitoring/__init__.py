"""After deployment: drift, performance without labels, performance with reports."""
