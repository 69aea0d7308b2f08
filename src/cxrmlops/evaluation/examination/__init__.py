"""Shortcuts, robustness and evidence maps, examined on train and val alone."""
