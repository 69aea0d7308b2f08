"""What people read: plots, lists, cards, texts. Files out, no effects."""
