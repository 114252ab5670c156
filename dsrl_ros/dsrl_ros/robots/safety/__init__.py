"""The safety rules: command gate, latch, watchdogs and workspace."""
