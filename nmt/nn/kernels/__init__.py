"""The functions that are in C where that can be, each beside its reference in torch.

Each chooses by what it is given (`nmt.nn.native.functions_for`); callers see one function.
"""
