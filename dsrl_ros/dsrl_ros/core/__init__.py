"""Types, errors and typed configuration. Imports numpy and the standard library, nothing else."""
