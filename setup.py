"""What pyproject.toml cannot say: the recipes, at home in recipes/, go into the package, as nmt/recipes/."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """Copies the recipes too; an editable install finds them where they are."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for recipe in sorted(Path("recipes").rglob("*.yaml")):
                copy = Path(self.build_lib, "nmt", recipe)
                self.mkpath(str(copy.parent))
                self.copy_file(str(recipe), str(copy))


setup(cmdclass={"build_py": BuildWithRecipes})
