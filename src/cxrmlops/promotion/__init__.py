"""From a bundle that passed its gates to the champion: comparison, approval, log."""
