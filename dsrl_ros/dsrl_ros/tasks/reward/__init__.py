"""What a decision earns, and the evidence for it."""
