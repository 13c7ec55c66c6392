"""Pure functions of features that methods are made of."""
