"""The commands of the command line: doctor, status."""
