"""Choice of the device."""

from __future__ import annotations

import torch

from nmt.errors import UserError


def chosen_device(name: str, where: str = "device") -> torch.device:
    """The device of this name.

    Args:
        name: "cpu", "cuda", "cuda:1" …; "auto" is a GPU if there is one, else the CPU.
        where: name of the setting, for errors.

    Raises:
        UserError: this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(where, "auto, cpu or cuda", repr(name)) from None
    if device.type not in ("cpu", "cuda") or (
        device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()
    ):
        raise UserError(where, "a device that this machine has", name, "Use cpu.")
    return device
