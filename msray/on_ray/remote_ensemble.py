"""The Serve application ``ensemble``, as a shard asks it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from ray.exceptions import RayError

from msray.errors import MsrayError, UnavailableError
from msray.models.tempering import Scores
from msray.on_ray.session import ENSEMBLE_APP
from msray.prediction import Question


class RemoteEnsemble:
    """Asks the ensemble, and finds it again where it has been started anew."""

    def __init__(self) -> None:
        self._handle: Any = None

    async def ask(self, question: Question) -> Mapping[str, Scores]:
        """What the members over windows say, by the digest of the model.

        Raises
        ------
        UnavailableError
            If nobody answers, or the ensemble does not have that model.
        """
        from ray import serve  # it brings a web server, which no shard needs that asks nobody
        from ray.serve.exceptions import RayServeException

        try:
            if self._handle is None:  # it asks Serve's controller, and waits
                self._handle = await asyncio.to_thread(serve.get_app_handle, ENSEMBLE_APP)
            said = await self._handle.window_scores.remote(question.runner.served.digest, question.rows)
        except (RayServeException, RayError) as error:
            self._handle = None
            raise UnavailableError(f"the ensemble does not answer: {type(error).__name__}") from error
        if isinstance(said, MsrayError):
            raise UnavailableError(str(said)) from said
        scores: Mapping[str, Scores] = said.scores
        return scores
