"""Looking inside a network at one checkpoint of its training.

Everything here takes the network's specification and its weights then, as plain arrays, and
gives plain arrays back: nothing changes a run.
"""
