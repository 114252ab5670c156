"""The mock gripper node: the Franka Hand's actions next to mock hardware."""
