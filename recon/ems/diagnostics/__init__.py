"""Trying a gateway step by step for a person who sets it up, in words."""
