"""The training loop, interruptible and resumable at any update.

The order of the data and every random draw are functions of (seed, update, micro-batch), so an interruption changes
nothing, and the number of processes only changes the order in which micro-batches are summed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from nmt.cpu import forget_old_kernels, keep_freed_memory
from nmt.data.batch import Batch, collate
from nmt.data.context import encode_sampled
from nmt.data.order import derive_key
from nmt.data.sampler import BatchSampler
from nmt.data.store import PairStore
from nmt.errors import UserError
from nmt.evaluation.measures import MeasureName
from nmt.models.base import EncoderDecoder
from nmt.models.weights import averaged_names, load_weights, parameter_count, read_tensors
from nmt.nn.annealing import anneal
from nmt.nn.norm.running import running_statistics
from nmt.tokenizer.base import TokenizerPair
from nmt.training.checkpoint import Checkpoints, average_weights
from nmt.training.distributed import World
from nmt.training.ema import MovingAverage
from nmt.training.flat import FlatParameters
from nmt.training.gathered import GatheredStatistics
from nmt.training.log import AVERAGE, Moved, Reporter, RunLog, Started
from nmt.training.objectives import Objective
from nmt.training.optimizer import set_learning_rate
from nmt.training.options import Training
from nmt.training.pace import Pace
from nmt.training.position import Position
from nmt.training.precision import resolve_precision
from nmt.training.selection import Selection
from nmt.training.signals import StopRequest
from nmt.training.statistics import numbers
from nmt.training.tally import TallyTensor
from nmt.training.validation import Validation, ValidationSet, validate
from nmt.training.window import Window

Model = EncoderDecoder[Any, Any]


@dataclass(frozen=True)
class TrainingResult:
    """The outcome of a training; if finished, the model has its final weights."""

    finished: bool
    """False if a signal stopped it; running it again resumes it."""
    position: Position
    chosen: str
    """Description of the weights that the model has."""
    measures: Mapping[MeasureName, float]
    """Scores on the validation set with these weights."""
    left_out: int
    """Training pairs left out as too long."""

    @property
    def tokens_per_second(self) -> float:
        """Target tokens per second, over the whole training without validations."""
        return self.position.spent.tokens_per_second


class Trainer:
    """Trains one model.

    Args:
        options: the recipe's `training` section.
        build_model: creates the model with its initial weights; called once, after seeding.
        store: training pairs.
        tokenizers: for random segmentation, if the tokenizer uses it.
        validation: the validation set.
        directory: folder for checkpoints and logs; a training found there is resumed.
        world: the processes, including this one.
        reporter: receives events, in the first process.
        objective: the training objective.
        resegment: sample a new segmentation of the training text for every batch.
    """

    def __init__(
        self,
        options: Training,
        build_model: Callable[[], Model],
        store: PairStore,
        tokenizers: TokenizerPair,
        validation: ValidationSet,
        directory: Path,
        world: World,
        reporter: Reporter,
        *,
        objective: Objective,
        resegment: bool = False,
    ) -> None:
        if options.micro_batches % world.size:
            raise UserError(
                "training.micro_batches", f"a multiple of {world.size} processes", str(options.micro_batches)
            )
        if len(validation.store) == 0:
            raise UserError("corpus.validation", "at least one pair", "none")
        keep_freed_memory()
        forget_old_kernels()
        self.options, self.store, self.tokenizers, self.resegment = options, store, tokenizers, resegment
        self.validation, self.world, self.objective = validation, world, objective
        torch.manual_seed(options.seed)
        self.model = build_model().to(world.device)
        # besides gradients, the processes sum their tallies and their requests to stop
        self.flat = FlatParameters(self.model, extra=TallyTensor.size(objective.figures) + 1)
        self.tally, self.stopping = TallyTensor(self.flat.extra[:-1], objective.figures), self.flat.extra[-1]
        self.gathered = GatheredStatistics(self.model, world)
        self.optimizer = options.optimizer.build(self.flat.groups)
        self.sampler = BatchSampler(store, options.batch_tokens, options.seed, options.max_length, options.pool_pairs)
        self.checkpoints = Checkpoints(directory / "checkpoints", options.average_checkpoints)
        self.ema = self._moving_average() if options.ema_decay else None
        self.position = self.checkpoints.load(self.flat, self.optimizer, self.ema)
        if len(set(world.gather([self.position.update]))) > 1:
            raise UserError(
                str(directory), "the same checkpoint in all processes", "different ones", "Put runs/ on a shared disk."
            )
        self.selection = Selection(self.position.scores, options.best_by, validation.tokenizer)
        if options.start_from and not self.checkpoints.exists():
            self.position.validated = -1  # validate the initial weights too: they may remain the best
        self.position.precision = self.position.precision or resolve_precision(options.precision, world.device)
        self.window = Window(self.position, world, options.micro_batches)
        self._pace = Pace(self.position.update, options.updates, options.validate_every)
        self._directory, self._reporter = directory, reporter
        self.log: RunLog | None = None
        self.bad_updates = 0

    def _moving_average(self) -> MovingAverage:
        return MovingAverage(self.flat.values, running_statistics(self.model), self.options.ema_decay)

    def train(self) -> TrainingResult:
        """Trains to the end, or until a signal.

        Raises:
            UserError: the training has diverged.
        """
        if self.world.first:
            self.log = RunLog(self._directory, self.position.update, self._reporter)
        try:
            return self._finish(stopped=not self._train())
        finally:
            if self.log:
                self.log.close()

    def _train(self) -> bool:
        """Runs the remaining updates; False if a signal stopped them."""
        done = self.position
        self._announce()
        self.model.train()
        with StopRequest() as stop:
            self._skip_time()
            if self._validation_is_due():  # of the initial weights, or skipped when a signal stopped the last run
                self._validate()
                self._save()
                self._skip_time()
            for indices in self._batches():
                stopping = self._update(indices, stop.requested)
                self._pace.updated(done.update)
                self._show()
                if done.update % self.options.log_every == 0:
                    self._log_progress()
                if stopping:
                    self._save()
                    break
                due = self._validation_is_due()
                if due:
                    self._validate()
                    self._skip_time()
                if due or done.update % self.options.save_every == 0:
                    self._save()
        ended = done.update >= self.options.updates or self._ended_early()
        return ended and not self._validation_is_due()

    def _skip_time(self) -> None:
        self.window.skip_time()
        self._pace.skip_time()

    def _show(self, validated: float | None = None) -> None:
        """Reports the current state of the training."""
        if self.log:
            left = self._pace.seconds_left(validating=validated is not None)
            self.log.moved(Moved(self.position.update, left, validated))

    def _evaluate(self) -> Validation:
        """Validates the model with its current weights, reporting progress and timing it."""
        self._pace.skip_time()
        self._show(0.0)
        found = validate(self.model, self.validation, self.world, self._show)
        self._pace.validated()
        return found

    def _log_progress(self) -> None:
        line = self.window.progress(self.options.updates, self.optimizer.param_groups[0]["lr"])
        note = self.position.concern.hear(line.update, self.model.concern(line.statistics))
        if self.log:
            self.log.progress(line)
            if note:
                self.log.note(line.update, note)

    def _announce(self) -> None:
        if self.log:
            self.log.started(
                Started(
                    parameters=parameter_count(self.model),
                    processes=self.world.size,
                    device=str(self.world.device),
                    update=self.position.update,
                    updates=self.options.updates,
                    left_out=self.sampler.left_out,
                    pairs=len(self.store),
                    frozen=sum(p.numel() for p in self.model.parameters() if not p.requires_grad),
                )
            )
            if self.checkpoints.fallen_back:
                self.log.note(self.position.update, f"{self.checkpoints.fallen_back}: resuming from the one before it")

    def _batches(self) -> Iterator[npt.NDArray[np.int64]]:
        """The remaining batches; advances the position to the next epoch after each."""
        done = self.position
        while done.update < self.options.updates and not self._ended_early():
            for indices in self.sampler.epoch(done.epoch, done.batch):
                yield indices
                if done.update >= self.options.updates or self._ended_early():
                    return
            done.begin_epoch()

    def _update(self, indices: npt.NDArray[np.int64], stop: bool) -> bool:
        """One update of the weights, skipped if its gradient is not finite; True if a process was asked to stop."""
        number = self.position.update + 1
        self.flat.zero()
        if anneal(self.model, number):
            self._forget_validations(number)
        parts = range(self.options.micro_batches)
        for part in self.world.share(parts):
            pairs = indices[part :: len(parts)]
            if len(pairs):
                self._accumulate(pairs, number, part)
        self.stopping += float(stop)
        self.world.sum(self.flat.summed)
        tally = self.tally.read()
        key = self._key(number, len(parts))  # the key of an additional micro-batch after the last one
        norm = self.options.gradient.apply(self.flat.gradients, 1.0 / tally.units, key).item()
        finite = math.isfinite(norm) and math.isfinite(tally.loss)
        self.gathered.store(usable=finite)
        if finite:
            set_learning_rate(self.optimizer, self._learning_rate(number))
            self.optimizer.step()
            if self.ema:
                self.ema.update(number)
        self.position.advance()
        self._note_bad_update(finite, number, tally.mean_loss())
        if finite:
            self.window.add(tally, norm)
        return self.stopping.item() > 0

    def _key(self, number: int, part: int) -> int:
        """The key for random draws in a micro-batch of an update."""
        return derive_key(self.options.seed, number, part) >> 1  # torch takes 63 bits

    def _learning_rate(self, number: int) -> float:
        scheduled = self.options.schedule.rate(number, self.options.updates, self.position.descent.reductions)
        return self.options.optimizer.rate(number, scheduled)

    def _accumulate(self, pairs: npt.NDArray[np.int64], number: int, part: int) -> None:
        """Computes and adds the gradients and sums of one micro-batch."""
        key = self._key(number, part)
        batch = self._collate(pairs, key).to(self.world.device)
        torch.manual_seed(key)
        statistics = self.objective.accumulate(self.model, batch, key, self._precision, self.tally)
        self.window.observe(part, numbers(statistics))

    def _collate(self, pairs: npt.NDArray[np.int64], key: int) -> Batch:
        if not self.resegment:
            return collate([self.store.source(int(i)) for i in pairs], [self.store.target(int(i)) for i in pairs])
        sources = encode_sampled(self.tokenizers.source, [self.store.source_text(int(i)) for i in pairs], key)
        targets = encode_sampled(self.tokenizers.target, [self.store.target_text(int(i)) for i in pairs], key + 1)
        longest = self.options.max_length  # a random segmentation may be longer than the stored one
        return collate([ids[:longest] for ids in sources], [ids[:longest] for ids in targets])

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.world.device.type, torch.bfloat16, enabled=self.position.precision == "bf16")

    def _note_bad_update(self, finite: bool, number: int, loss: float) -> None:
        self.bad_updates = 0 if finite else self.bad_updates + 1
        if finite:
            return
        if self.log:
            self.log.note(number, f"the gradient is not finite (loss {loss:.3g}): update skipped, weights unchanged")
        if self.bad_updates >= self.options.max_bad_updates:
            concern = self.model.concern(self.window.gather()) or self.position.concern.last
            raise UserError(
                f"training, update {number}",
                "a finite gradient",
                f"{self.bad_updates} updates in a row without one: the training has diverged",
                "Lower schedule.learning_rate, lengthen its warm-up, set clip_norm (1.0 is usual) or use "
                f"precision: fp32. {self.checkpoints.directory} has the last good checkpoint."
                + (f"\nThe model reports: {concern}" if concern else ""),
            )

    def _validation_is_due(self) -> bool:
        update = self.position.update
        at_one = update % self.options.validate_every == 0 or update >= self.options.updates
        return at_one and update > self.position.validated

    def _validate(self) -> None:
        done = self.position
        done.validated = done.update
        with self.ema.in_place_of_weights() if self.ema else nullcontext():
            found = self._evaluate()
            if self.world.first:
                self.checkpoints.save_weights(done, self.model)
        best = self.selection.consider(found, done.update)
        done.keep_weights(self.checkpoints.keep)
        if self.log:
            self.log.validated(found.event(done.update, best=best))
            if concern := self.selection.concern():
                self.log.note(done.update, concern)
        self._reconsider_rate(found.loss)

    def _forget_validations(self, number: int) -> None:
        """Makes earlier weights neither chosen nor averaged, because the model now computes another function."""
        done = self.position
        if self.log and done.scores.best is not None:
            self.log.note(number, "the model now computes another function: earlier validations no longer count")
        self.selection.forget()
        done.descent.forget()
        done.kept = []

    def _reconsider_rate(self, loss: float) -> None:
        """Lets the schedule lower its rate if the validation loss has stopped falling."""
        done, schedule = self.position, self.options.schedule
        if done.descent.hear(loss, schedule) and self.log:
            rate = self._learning_rate(done.update + 1)
            ending = ": training ends" if schedule.ended(done.descent.reductions) else ""
            self.log.note(done.update, f"the validation loss lowers the learning rate to {rate:.3g}{ending}")

    def _save(self) -> None:
        self.window.gather()  # so that the first process saves the statistics of all
        if self.world.first:
            self.checkpoints.save(self.position, self.flat, self.optimizer, self.ema)

    def _ended_early(self) -> bool:
        impatient = 0 < self.options.patience <= self.position.scores.stale
        return impatient or self.options.schedule.ended(self.position.descent.reductions)

    def _finish(self, stopped: bool) -> TrainingResult:
        """Chooses the final weights by validation: the best single ones or the average of the last ones."""
        done = self.position
        if stopped:
            return TrainingResult(False, done, "", {}, self.sampler.left_out)
        kept = self._usable(dict.fromkeys((done.scores.best_update, *done.kept)))
        if done.scores.best is None or done.scores.best_update not in kept:
            self._revalidate(kept)
        last = [update for update in done.kept if update in kept][-self.options.average_checkpoints :]
        chosen = f"best single weights (update {done.scores.best_update})"
        measures: Mapping[MeasureName, float] = done.scores.best_measures or {"bleu": done.scores.best_bleu}
        if len(last) > 1:
            self._use(last)
            average = self._evaluate()
            better = self.selection.beats_the_best(average)
            if better:
                chosen = f"average of the last {len(last)} (updates {last[0]} to {last[-1]})"
                measures = average.measures
            if self.log:
                self.log.validated(average.event(done.update, best=better, what=AVERAGE))
            if better:
                return TrainingResult(True, done, chosen, measures, self.sampler.left_out)
        self._use([done.scores.best_update])
        return TrainingResult(True, done, chosen, measures, self.sampler.left_out)

    def _usable(self, updates: Iterable[int]) -> list[int]:
        """The updates among these whose weights are on disk and intact, as found by the first process."""
        damage = {update: self.checkpoints.damage(update) if self.world.first else "" for update in updates}
        damage = self.world.gather([damage])[0]
        for update, problem in damage.items():
            if problem and self.log and (update in self.position.kept or self.position.scores.best is not None):
                self.log.note(self.position.update, f"weights of update {update} cannot be used: {problem}")
        usable = [update for update, problem in damage.items() if not problem]
        if not usable:
            directory = self.checkpoints.directory
            fix = "Raise training.updates to continue from the last checkpoint, which saves new weights."
            raise UserError(str(directory), "weights saved at a validation, for the model", "none that are intact", fix)
        return usable

    def _revalidate(self, updates: Sequence[int]) -> None:
        """Validates the kept weights again, because earlier scores no longer count or the best weights are lost."""
        self.selection.forget()
        for update in updates:
            self._use([update])
            found = self._evaluate()
            self.selection.consider(found, update)
            if self.log:
                self.log.note(self.position.update, f"weights of update {update} validated again: {found.worded()}")

    def _use(self, updates: Sequence[int]) -> None:
        """Loads the mean of saved weights into the model; only the first process is sure to have them on disk."""
        if self.world.first:
            paths = [self.checkpoints.weights_path(update) for update in updates]
            averaged = averaged_names(self.model)
            weights = average_weights(paths, averaged) if len(paths) > 1 else read_tensors(paths[0])[0]
            load_weights(self.model, weights, str(paths[0]))
        for tensor in (self.flat.values, *self.flat.others.values()):
            self.world.broadcast(tensor)
