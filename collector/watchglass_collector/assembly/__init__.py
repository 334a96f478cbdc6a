"""What takes a whole trace: who it belongs to, which usage counts, what it cost.

Everything here is a function of the skeleton of some traces, and not of the order in which their pieces came. See
design/0012-assembly.md.
"""
