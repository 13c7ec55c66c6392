"""One file a notebook, of its name; nothing imports it."""
