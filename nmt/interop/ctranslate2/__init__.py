"""Models for CTranslate2. Translating an exported model takes `piece_names`, as what `nmt export` prints shows."""

from nmt.interop.ctranslate2.specification import piece_names

__all__ = ["piece_names"]
