"""The ground: errors, files, clock, processes, workers, services of this machine."""
