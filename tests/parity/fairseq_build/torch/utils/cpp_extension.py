"""What fairseq's setup.py takes from torch: extensions of torch are declared, and left out of the build."""

from setuptools import Extension
from setuptools.command.build_ext import build_ext


class CppExtension(Extension):
    """One that would be compiled against torch."""


class BuildExtension(build_ext):
    """Builds all the others: fairseq's own BLEU, and the two in Cython that batch its data."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.extensions = [extension for extension in self.extensions if not isinstance(extension, CppExtension)]
