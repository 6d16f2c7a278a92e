"""What the demo says when a promise does not hold."""


class BrokenPromiseError(Exception):
    """A step of the demo did not happen; the message says which."""
