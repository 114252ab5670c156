"""Tasks on the twins: scenes, success, demonstrators, environments. One file per task."""
