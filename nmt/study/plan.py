"""The grid of a study: its systems, each with a recipe, settings and a baseline, and the runs with every seed."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from nmt.documents import KeyPath
from nmt.errors import UserError
from nmt.options import beside_recipe
from nmt.recipe import Recipe, load_recipe
from nmt.recipe.document import Document, shown
from nmt.recipe.overrides import Setting
from nmt.recipe.plain import plain
from nmt.recipe.problems import nearest
from nmt.shipped import shipped_recipe, shipped_recipes
from nmt.study.options import MOST_NAME, MOST_RUNS, Study

STUDIES = "studies"
_OWN_KEYS = {"name": "the study names its runs", "training.seed": "`seeds` sets it"}
_MOST_STEM_BYTES = 80


@dataclass(frozen=True)
class Variant:
    """One system of the study: a row of the table."""

    name: str
    """Its name in the table."""
    stem: str
    """Its name in file names."""
    system: str
    """The entry of `systems`; empty if there are none."""
    point: Mapping[str, str]
    """The name of its value on each axis of the grid, by dotted key."""
    values: Mapping[str, Any]
    """Its value on each axis."""
    recipe: Path
    """The recipe file."""
    settings: Sequence[Setting]
    """Overrides of the recipe."""
    where: str
    """File and line that define it, for errors."""


@dataclass(frozen=True)
class Cell:
    """One run of the study: a system with a seed."""

    variant: Variant
    seed: int
    recipe: Recipe
    runs: Path
    """The study's folder, which is the folder of its runs."""

    @property
    def directory(self) -> Path:
        """The run's folder."""
        return self.runs / self.recipe.corpus.name / self.recipe.name

    def __str__(self) -> str:
        return f"{self.variant.name}, seed {self.seed}"


@dataclass(frozen=True)
class Plan:
    """A study with all of its recipes loaded."""

    study: Study
    document: Document
    directory: Path
    """The study's folder, for its runs and results."""
    variants: Sequence[Variant]
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    """The recipe of each system, by its name in the table, with the first seed."""

    def where(self, key: KeyPath) -> str:
        """File, line and dotted key of a setting of the study."""
        return f"{_line(self.document, key)}: {'.'.join(map(str, key))}"

    def baseline_of(self, variant: Variant) -> Variant:
        """The system that this one is compared with; the baseline's is itself."""
        named = self.study.baseline
        if self.study.systems and self.study.grid:
            base = named or next(iter(self.study.systems))
            return next(v for v in self.variants if v.system == base and v.point == variant.point)
        return next((v for v in self.variants if v.name == named), self.variants[0])

    def cells(self) -> list[Cell]:
        """All runs: every system with the first seed, then with the second, so early results cover all systems."""
        return [
            Cell(variant, seed, seeded(self.recipes[variant.name], variant, seed), self.directory)
            for seed in self.study.seeds
            for variant in self.variants
        ]


def make_plan(study: Study, document: Document, folder: Path, runs: Path) -> Plan:
    """The plan of a study.

    Args:
        study: its settings.
        document: the file that they come from, for messages.
        folder: base of relative paths of recipes.
        runs: folder of all runs.

    Raises:
        UserError: the systems, the grid or the recipes are wrong; the message lists every mistake of the recipes.
    """
    _check_extent(study, document)
    variants = list(_variants(study, document, folder))
    _check_names(study, document, variants)
    recipes, mistakes = dict[str, Recipe](), dict[str, UserError]()
    for variant in variants:
        try:
            recipe = load_recipe(variant.recipe, variant.settings)
        except UserError as error:
            told = _attributed(error, variant, document)
            mistakes.setdefault(str(told), told)  # a recipe's own mistake is every system's
        else:
            recipes[variant.name] = seeded(recipe, variant, study.seeds[0])
    raise_study(list(mistakes.values()), document.where)
    return Plan(study, document, runs / STUDIES / study.name, variants, recipes)


def _attributed(error: UserError, variant: Variant, document: Document) -> UserError:
    """A mistake of a recipe, with the system at fault unless the recipe is wrong without its settings too."""
    if error.where.startswith(document.where) or not variant.settings:
        return error
    try:
        load_recipe(variant.recipe)
    except UserError as own:
        if str(own) == str(error):
            return error
    where = f"{variant.where}: {variant.name}: {error.where}"
    return UserError(where, error.expected, error.got, error.fix)


def raise_study(mistakes: Sequence[UserError], file: str) -> None:
    """Raises one UserError that lists all mistakes of a study; does nothing if there are none."""
    if len(mistakes) == 1:
        raise mistakes[0]
    if mistakes:
        listing = "".join(f"\n  {mistake}" for mistake in mistakes)
        raise UserError(file, "a valid study", f"{len(mistakes):,} mistakes", listing)


def _line(document: Document, key: KeyPath) -> str:
    """File and line of a key, or of the nearest one around it."""
    lines = (document.lines[key[:length]] for length in range(len(key), 0, -1) if key[:length] in document.lines)
    line = next(lines, None)
    return document.where if line is None else f"{document.where}:{line}"


def seeded(recipe: Recipe, variant: Variant, seed: int) -> Recipe:
    """The recipe of a system's run with a seed."""
    training = recipe.training.model_copy(update={"seed": seed})
    return recipe.model_copy(update={"name": f"{variant.stem}_seed_{seed}", "training": training})


def _check_extent(study: Study, document: Document) -> None:
    if not study.systems and not study.grid:
        raise UserError(document.where, "`systems` to compare, or a `grid` of settings", "neither")
    runs = max(len(study.systems), 1) * math.prod(map(len, study.grid.values())) * len(study.seeds)
    if runs > MOST_RUNS:
        where = _line(document, ("grid",) if study.grid else ("systems",))
        raise UserError(where, f"a study of at most {MOST_RUNS:,} runs", f"{runs:,}", "Systems × grid × seeds.")


def _variants(study: Study, document: Document, folder: Path) -> Iterator[Variant]:
    common = list(_settings(study.settings, document, ("settings",)))
    axes = {key: dict(_axis(key, values, document)) for key, values in study.grid.items()}
    stems: set[str] = set()
    for system in study.systems or ("",):
        own = study.systems[system] if system else None
        key: KeyPath = ("systems", system) if system else ("grid",)
        where = _line(document, key)
        recipe = _recipe(own.recipe if own and own.recipe else study.recipe, folder, where)
        settings = list(_settings(own.settings, document, key)) if own else []
        for twice in (setting for setting in settings if setting.key in axes):
            raise UserError(f"{twice.where}: {twice.key}", "a key that is not an axis of the grid", "one that is")
        for labels in product(*axes.values()):
            point = dict(zip(axes, labels, strict=True))
            name = ", ".join(filter(None, (system, *labels)))
            yield Variant(
                name=name,
                stem=_stem(name, stems),
                system=system,
                point=point,
                values={axis: axes[axis][label].value for axis, label in point.items()},
                recipe=recipe,
                settings=[*common, *(axes[axis][label] for axis, label in point.items()), *settings],
                where=where,
            )


def _settings(settings: Mapping[str, Any], document: Document, path: KeyPath) -> Iterator[Setting]:
    for key, value in settings.items():
        where = _line(document, (*path, key))
        _refuse_own(key, where)
        yield Setting(where, key, value)


def _refuse_own(key: str, where: str) -> None:
    if key in _OWN_KEYS:
        raise UserError(f"{where}: {key}", "another key", "one that the study sets itself", f"{_OWN_KEYS[key]}.")


def _axis(key: str, values: Sequence[Any] | Mapping[str, Any], document: Document) -> Iterator[tuple[str, Setting]]:
    """The values of an axis, each by its name in the table."""
    _refuse_own(key, _line(document, ("grid", key)))
    if isinstance(values, Mapping):
        named: dict[str, tuple[str | int, Any]] = {name: (name, value) for name, value in values.items()}
    else:
        word = key.rpartition(".")[2]
        named = {f"{word} {label}": (n, values[n]) for n, label in enumerate(_labels(values))}
    if len(named) < len(values):
        raise UserError(f"{_line(document, ('grid', key))}: grid.{key}", "values that differ", "one of them twice")
    for name, (position, value) in named.items():
        yield name, Setting(_line(document, ("grid", key, position)), key, value)


def _labels(values: Sequence[Any]) -> list[str]:
    """A short text for each value: the kind of a mapping if the kinds differ, else the value."""
    kinds = [value.get("kind") if isinstance(value, dict) else None for value in values]
    if all(isinstance(kind, str) for kind in kinds) and len(set(kinds)) == len(kinds):
        return list(map(str, kinds))
    return [_text(plain(value)) for value in values]


def _text(value: object) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, dict):
        text = " ".join(f"{key} {_text(item)}" for key, item in value.items())
    elif isinstance(value, list):
        text = " ".join(map(_text, value))
    else:
        text = shown(value)
    return " ".join(text.split())[: MOST_NAME // 2]


def _recipe(named: str | None, folder: Path, where: str) -> Path:
    """The file of a recipe given by path or by the name of a shipped one."""
    if named is None:
        raise UserError(where, "a recipe: `recipe: FILE.yaml` for all systems or in each of them", "none")
    try:
        path = beside_recipe(Path(named), folder)
    except ValueError as error:
        raise UserError(where, "a recipe file", f"an impossible name ({error})") from None
    if path.exists():
        return path
    if (found := shipped_recipe(named)) is not None:
        return found
    fix = nearest(named, shipped_recipes()) or "`nmt recipe list` lists the shipped ones."
    raise UserError(f"{where}: recipe", "a recipe file, or the name of a shipped recipe", repr(named), fix)


def _check_names(study: Study, document: Document, variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(variants[names.index(twice)].where, "systems with names of their own", f"{twice!r} twice")
    bases = list(study.systems) if study.systems and study.grid else names
    plot = [] if study.plot.x is None else [study.plot.x]
    for key, wanted, known in (
        (("baseline",), [study.baseline] if study.baseline is not None else [], bases),
        (("published",), list(study.published), names),
        (("plot", "x"), plot, list(study.grid)),
    ):
        for name in wanted:
            if name not in known:
                where = f"{_line(document, (*key, name))}: {'.'.join(key)}"
                expected = "a key of the grid" if key[0] == "plot" else f"the name of a system: {_some(known)}"
                raise UserError(where, expected, repr(name), nearest(name, known).strip())
    for axis in plot:
        values = study.grid[axis]
        numbers = list(values.values()) if isinstance(values, dict) else values
        if not are_numbers(numbers):
            where = _line(document, ("plot", "x"))
            raise UserError(f"{where}: plot.x", "an axis of the grid whose values are numbers", repr(axis))


def are_numbers(values: Iterable[object]) -> bool:
    """Whether values of an axis are numbers, over which a measure can be drawn."""
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")


def _stem(name: str, taken: set[str]) -> str:
    """A short name for files, unlike those taken, which it joins."""
    plain_name = re.sub(r"[^\w.-]+", "_", name.lower()).strip("_.") or "system"
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
    if len(plain_name.encode()) > _MOST_STEM_BYTES:
        plain_name = plain_name.encode()[:_MOST_STEM_BYTES].decode(errors="ignore") + f"_{digest}"
    if plain_name in taken:
        plain_name += f"_{digest}"
    taken.add(plain_name)
    return plain_name
