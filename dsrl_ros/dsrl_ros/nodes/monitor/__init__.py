"""The monitor node: live panel, summary and learning curve of a run."""
