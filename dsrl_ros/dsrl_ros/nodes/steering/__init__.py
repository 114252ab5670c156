"""The steering node: the decision loop and the plan of the run."""
