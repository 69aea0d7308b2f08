"""Made-up thoraces, findings, headers and reports, for the demo and the tests."""
