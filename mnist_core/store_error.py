"""What the database refuses, apart from it: whoever tells a person needs no database for that."""


class StoreError(RuntimeError):
    """Runs cannot be kept or read; the message says why and what to do."""


class Unavailable(StoreError):
    """The database takes or gives nothing now, and may do so again once its cause is removed."""
