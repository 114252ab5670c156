"""The tasks themselves: scene, reset and success of each."""
