"""Errors that a user can fix: each message is one line that says what is wrong and what to do."""


class MmrecError(Exception):
    """Base of all errors shown to the user without a traceback; the command exits with ``exit_code``."""

    exit_code = 1


class InputError(MmrecError):
    """What the caller asked for cannot be done as said (unknown user, model or option; wrong shape)."""


class CatalogueError(MmrecError):
    """A catalogue folder breaks the data contract; the message lists every fault."""


class MissingDataError(MmrecError):
    """A data set that is neither embedded nor under ``MMREC_DATA``; the message says how to get it."""


class IntegrityError(MmrecError):
    """A file is not what it should be: checksum differs, archive leaves its folder, pickle asks for code."""


class MediaError(MmrecError):
    """A picture or sound that cannot be used; the message names the file and the reason."""


class DownloadError(MmrecError):
    """A file could not be had from any of its addresses; what has arrived is kept for the next run."""
