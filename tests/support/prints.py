"""A module that a fork server may import: it prints while it is imported, as some libraries do."""

print("imported")
