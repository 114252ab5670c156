"""Reads launch files, checks the configuration of a run, and runs its processes."""
