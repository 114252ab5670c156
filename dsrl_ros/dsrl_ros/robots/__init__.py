"""Robots: descriptions, kinematics, planning, the command gate, and simulated twins."""
