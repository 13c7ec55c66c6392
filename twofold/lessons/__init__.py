"""One file a notebook, of its name; nothing imports it but the command line.

What draws, draws on the axes ``ax`` or the figure that it is given, and returns it; a ``frame`` holds runs, from ``as_frame``.
"""
