"""The one error a person can act on."""

__all__ = ["InputError"]


class InputError(ValueError):
    """A request that cannot be met: the message says what was wanted, what came and what to do.

    The command line prints it as one line and exits with code 2; anything else that escapes is a defect of ours.
    A notebook shows the message alone.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"InputError: {self}"]
