"""A root of snapshots: which is current, what a newer one changes, whether it may take its place, and who is told."""
