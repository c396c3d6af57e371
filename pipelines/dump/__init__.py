"""From dump files to pages: parts, work units, pages, site information."""
