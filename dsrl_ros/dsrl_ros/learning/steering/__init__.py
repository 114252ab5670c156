"""Steering as the robot's side needs it, in numpy: actor, observation, plan, pacing."""
