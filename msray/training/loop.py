"""Training one network: epochs over what is learned from, judged after each on what chooses; the best one is kept."""

import copy
import math
import pickle
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from msray.errors import UsageError
from msray.models.classes import NO_LABEL
from msray.models.losses import LossOptions, weighted_sum
from msray.models.network import StepNetwork, WindowNetwork
from msray.training.config import TrainingConfig
from msray.training.optimizer import AdamW
from msray.training.parts import Part
from msray.training.samples import Material, Shown, samples, steps_of_epoch
from msray.training.scores import scores_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """How an epoch went.

    Attributes
    ----------
    number
        From 1.
    loss
        Mean over the steps of training.
    surprise
        Mean negative logarithm of the chance that the averaged network gave to the true class, on the rows that choose;
        over all horizons.
    is_best
        Whether that is the least so far.
    """

    number: int
    loss: float
    surprise: float
    is_best: bool


@dataclass(slots=True)
class Progress:
    """Where a training stands: all that it needs to go on.

    Attributes
    ----------
    history
        Epochs that are done.
    tensors
        What has been learned, and the state of the optimizer.
    """

    history: list[Epoch]
    tensors: dict[str, Any]

    def write(self, file: BinaryIO) -> None:
        """Write it; :meth:`read` takes it."""
        torch.save({"history": [asdict(epoch) for epoch in self.history], "tensors": self.tensors}, file)

    @staticmethod
    def read(file: BinaryIO) -> "Progress":
        """Read what :meth:`write` wrote; of another's file nothing is run.

        Raises
        ------
        UsageError
            If it is none.
        """
        try:
            found = torch.load(file, map_location="cpu", weights_only=True)
            return Progress(history=[Epoch(**epoch) for epoch in found["history"]], tensors=found["tensors"])
        except (RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
            raise UsageError("a file of progress must be whole, and is not") from error


class Training:
    """Trains a network epoch by epoch.

    Parameters
    ----------
    network
        Begins as it is; behind :meth:`run` it is the best one found.
    found
        Rows and labels.
    learned, chosen
        ``(n, h)`` labels that are learned from, and those that choose, purged.
    train, valid
        The rows of both.
    config
        How.
    """

    def __init__(
        self,
        network: StepNetwork | WindowNetwork,
        found: Material,
        *,
        learned: NDArray[np.int64],
        chosen: NDArray[np.int64],
        train: Part,
        valid: Part,
        config: TrainingConfig,
    ) -> None:
        self.device = device_of(config)
        self.network, self._config = network.to(self.device), config
        self._found, self._train, self._valid = found.to(self.device), train, valid
        self._learned = torch.from_numpy(np.ascontiguousarray(learned)).to(self.device)
        self._chosen = torch.from_numpy(np.ascontiguousarray(chosen))
        self._shown = Shown(
            chunk=config.chunk,
            warm_up=config.warm_up,
            chunks=config.chunks,
            windows=config.windows,
            stride=config.stride,
        )
        steps = steps_of_epoch(network, self._found, self._learned, train, self._shown)
        if steps == 0:
            raise UsageError(f"rows to learn from must hold a whole chunk or window, got {train[1] - train[0]} rows")
        if not bool((self._chosen != NO_LABEL).any()):
            raise UsageError("rows to choose on must hold a label, got none")
        self.history: list[Epoch] = []
        self._mean, self._best = copy.deepcopy(network), copy.deepcopy(network.state_dict())
        self._loss = weighted_sum(config.losses.chosen)
        self._options = LossOptions(label_smoothing=config.label_smoothing)
        self._optimizer = AdamW(network.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        self._rate = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, config.learning_rate, total_steps=config.epochs * steps
        )

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or the last ones brought nothing."""
        best = max((epoch.number for epoch in self.history if epoch.is_best), default=0)
        return len(self.history) == self._config.epochs or len(self.history) - best >= self._config.patience

    def run(self, on_epoch: Callable[[Epoch], None] = lambda _: None) -> list[Epoch]:
        """Train to the end; the network is then the best one found, on the CPU, ready to answer."""
        for epoch in self.epochs():
            on_epoch(epoch)
        self.network.load_state_dict(self._best)
        self.network.to("cpu").eval()
        return self.history

    def epochs(self) -> Iterator[Epoch]:
        """One epoch after the other, until it is over."""
        while not self.is_over:
            yield self._epoch()

    def progress(self) -> Progress:
        """Where it stands, between two epochs."""
        return Progress(
            history=list(self.history),
            tensors=copy.deepcopy(
                {
                    "network": self.network.state_dict(),
                    "mean": self._mean.state_dict(),
                    "best": self._best,
                    "optimizer": self._optimizer.state_dict(),
                    "rate": self._rate.state_dict(),
                }
            ),
        )

    def go_on(self, progress: Progress) -> None:
        """Stand where another training of the same network, rows and words stood."""
        tensors = progress.tensors
        self.history = list(progress.history)
        self.network.load_state_dict(tensors["network"])
        self._mean.load_state_dict(tensors["mean"])
        self._best = tensors["best"]
        self._optimizer.load_state_dict(tensors["optimizer"])
        self._rate.load_state_dict(tensors["rate"])

    def _epoch(self) -> Epoch:
        config, number = self._config, len(self.history) + 1
        # Chance begins anew with each epoch, so that one that goes on after a kill draws what it would have drawn.
        rng = np.random.default_rng([config.seed, number])
        torch.manual_seed(int(rng.integers(2**31)))
        self.network.train()
        losses = []
        for rows, targets in samples(self.network, self._found, self._learned, self._train, self._shown, rng):
            with torch.autocast(self.device, torch.bfloat16, enabled=self.device == "cuda"):
                scores = self.network(rows + config.input_noise * self.network.width * torch.randn_like(rows))
            loss = self._loss(scores.float(), targets, self._options)
            if not math.isfinite(loss.item()):
                raise UsageError(
                    f"training must stay finite, got a loss of {loss.item()} in epoch {number}", hint="learn slower"
                )
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), config.clip_norm)
            self._optimizer.step()
            self._rate.step()
            self._average()
            losses.append(loss.item())
        surprise = self._surprise()
        is_best = all(surprise < before.surprise for before in self.history)
        if is_best:
            self._best = copy.deepcopy(self._mean.state_dict())
        self.history.append(Epoch(number=number, loss=float(np.mean(losses)), surprise=surprise, is_best=is_best))
        return self.history[-1]

    @torch.no_grad()
    def _average(self) -> None:
        # At first the mean follows faster, so that the beginning is forgotten.
        steps = self._rate.last_epoch
        share = min(self._config.average, steps / (steps + 10.0))
        for mean, now in zip(self._mean.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(now, 1.0 - share)

    def _surprise(self) -> float:
        begin, end = self._valid
        labels = self._chosen[begin:end]
        scores = scores_of(self._mean, self._found, self._valid, stride=self._config.stride)
        known = labels != NO_LABEL
        chances = torch.log_softmax(torch.from_numpy(scores), dim=-1)
        chosen = chances.gather(-1, labels.clamp_min(0).unsqueeze(-1)).squeeze(-1)[known]
        return -float(chosen[torch.isfinite(chosen)].mean())


def device_of(config: TrainingConfig) -> str:
    """Where a network is trained.

    Raises
    ------
    UsageError
        If a GPU is asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if config.device == "cuda" and not has_gpu:
        raise UsageError("device must be cpu or auto where there is no GPU, got cuda")
    return "cuda" if has_gpu and config.device != "cpu" else "cpu"
