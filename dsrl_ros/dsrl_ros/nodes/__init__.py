"""Thin nodes, one role per file: declare config, build the core object, convert, call, publish."""
