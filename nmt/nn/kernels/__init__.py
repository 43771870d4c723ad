"""Functions that run in C where possible, each beside its reference in torch.

Each chooses by its arguments (`nmt.nn.native.functions_for`); callers see one function.
"""
