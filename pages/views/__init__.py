"""What each page shows; a folder of one page imports no other page's."""
