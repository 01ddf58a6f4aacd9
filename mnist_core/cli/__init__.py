"""What the command line offers: doctor, status."""
