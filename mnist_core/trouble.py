"""What stands in the way apart from any mistake of the person; each says what and the remedy."""


class Trouble(RuntimeError):
    """Something that the app needs is missing or refuses; the message is a sentence."""


class StoreError(Trouble):
    """Runs cannot be kept or read; the message says why and what to do."""


class Unavailable(StoreError):
    """The database takes or gives nothing now, and may do so again once its cause is removed."""
