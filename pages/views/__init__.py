"""The parts of each page; a folder of one page imports no other page's."""
