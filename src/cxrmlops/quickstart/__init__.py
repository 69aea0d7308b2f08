"""First steps: the demo on synthetic images, the settings of a new site."""
