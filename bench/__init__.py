"""Measures the budgets of ARCHITECTURE.md: `make bench` prints a table and writes JSON."""
