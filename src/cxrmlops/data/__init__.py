"""Who is in: sources, labels, cohort, pixels on disk, splits. Tables and arrays."""
