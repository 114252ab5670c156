"""The networks of actor and critics, and the optimiser that steps them."""
