"""Control modes: what the columns of a chunk mean, one file each."""
