"""Objects without a patient's identity: PS3.15 Annex E, Basic Profile."""
