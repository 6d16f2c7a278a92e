"""Simulated malls and a whole gateway, so that the main job can be watched."""
