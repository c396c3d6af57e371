"""From pages to the snapshot: extraction of work units, redirects, the commit and its report."""
