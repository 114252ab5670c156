"""The twin node: MuJoCo in the place of a robot and its stack."""
