"""Chunks and events that mean harm, the chain that meets them, and the audit of what goes out."""
