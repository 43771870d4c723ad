"""Models for CTranslate2. Translating with an exported model needs `piece_names`; `nmt export` prints an example."""

from nmt.interop.ctranslate2.specification import piece_names

__all__ = ["piece_names"]
