"""Small reusable pieces of pages."""
