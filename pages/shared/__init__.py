"""What more than one page, or more than one part of a page, uses."""
