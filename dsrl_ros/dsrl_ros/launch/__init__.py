"""The launch description: read, checked, turned into processes and guarded to the end."""
