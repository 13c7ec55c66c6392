"""Draws what it is given: numbers that were averaged elsewhere, pictures, and the look that each method brings."""
