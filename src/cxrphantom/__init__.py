"""A simulator of chest radiographs and their reports, for the demo and the tests."""
