"""The lesson on the page Learn: nine chapters, a module each, and what they share."""
