"""The machine: files, clock, processes, isolated workers, connections to itself."""
