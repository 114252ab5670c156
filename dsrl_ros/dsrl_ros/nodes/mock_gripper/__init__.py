"""The mock gripper node: the Franka Hand's actions beside mock hardware."""
