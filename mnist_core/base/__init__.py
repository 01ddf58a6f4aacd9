"""Tools without a subject: log, paths, untrusted files, sandbox, errors."""
