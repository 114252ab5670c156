"""The `dsrl` command."""
