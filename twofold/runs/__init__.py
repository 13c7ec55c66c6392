"""From a configuration to a stored result."""
