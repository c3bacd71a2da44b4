"""The run, in order. The order of the rooms is in run.py."""
