"""What happens to a chunk or a move from its arrival to the controller."""
