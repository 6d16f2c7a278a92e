"""Madoguchi: the open gateway between a shop's support team and every mall the shop sells in."""
