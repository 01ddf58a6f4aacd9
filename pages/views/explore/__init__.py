"""The Explore page: runs, studies, files and data sets."""
