"""Scripted demonstrators, and the base policies trained on them."""
