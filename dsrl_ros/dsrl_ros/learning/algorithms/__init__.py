"""DSRL-SAC, DSRL-NA and the baselines, with their losses."""
