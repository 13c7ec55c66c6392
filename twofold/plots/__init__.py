"""Draws what it is given."""
