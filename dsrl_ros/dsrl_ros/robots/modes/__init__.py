"""What the columns of a chunk mean: one file for each control mode, and where they are listed."""
