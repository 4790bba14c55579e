"""Exceptions of the package."""

__all__ = ["AbsentError", "Error", "FormatError", "GapWarning", "NotFoundError", "SystemFailure", "UnsupportedError",
           "UsageError"]


class Error(Exception):
    """What libvmpt could not do, as one sentence. `kind` is a stable word."""

    kind = "internal"


class UsageError(Error, ValueError):
    """The call, an option, or a file that cannot be opened."""

    kind = "usage"


class FormatError(Error):
    """The file contradicts its own format."""

    kind = "format"


class NotFoundError(Error, LookupError):
    """A name, a task or a type is unknown."""

    kind = "lookup"


class UnsupportedError(Error, NotImplementedError):
    """Understood, but not handled."""

    kind = "unsupported"


class AbsentError(Error):
    """Bytes are not in the dump.

    `address` is the first of them, of the kind that was asked for; `reason` is
    "outside_ram", "excluded", "truncated", "corrupt" or "unmapped".
    """

    kind = "memory"
    address: int = 0
    reason: str = ""


class SystemFailure(Error, OSError):
    """No memory left, a disk that fails."""

    kind = "system"


class GapWarning(UserWarning):
    """An answer lacks something; its `findings` say what."""


REASONS = ("", "outside_ram", "excluded", "truncated", "corrupt", "unmapped")
_CLASSES = {c.kind: c for c in (UsageError, FormatError, NotFoundError, UnsupportedError, AbsentError, SystemFailure)}


def make(kind: str, sentence: str, absence: int, address: int) -> Error:
    """The exception for an error of libvmpt."""
    error = _CLASSES.get(kind, Error)(sentence)
    if isinstance(error, AbsentError):
        error.address = address
        error.reason = REASONS[absence] if absence < len(REASONS) else "unknown"
    return error
