"""Whether it lives, whether it is ready, and all its figures."""

import msgspec
from fastapi import APIRouter, Depends
from starlette.responses import Response

import msray
from msray.api.auth import Requires, Scope, open_to_everyone
from msray.api.state import ApiState
from msray.telemetry.metrics import CONTENT_TYPE


def health_routes(state: ApiState) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["health"])
    started_ns = state.clock.monotonic_ns()

    @router.get("/health", dependencies=[Depends(open_to_everyone)], response_class=Response)
    async def health() -> Response:
        """Alive; says so whatever else is down, and costs nothing."""
        states = [snapshot.state for name in state.books.instruments() if (snapshot := state.books.snapshot(name))]
        return _json(
            {
                "status": "live",
                "version": msray.__version__,
                "uptime_s": (state.clock.monotonic_ns() - started_ns) // 1_000_000_000,
                "instruments": {"running": len(states), "synced": states.count("synced")},
            },
            200,
        )

    @router.get("/health/ready", dependencies=[Depends(Requires(Scope.READ))], response_class=Response)
    async def ready() -> Response:
        """200 where requests should be sent here, else 503 and why not."""
        reasons = await state.readiness.reasons()
        return _json({"status": "not ready" if reasons else "ready", "reasons": reasons}, 503 if reasons else 200)

    @router.get("/metrics", dependencies=[Depends(Requires(Scope.READ))], response_class=Response)
    async def metrics() -> Response:
        """Figures of the whole system in Prometheus' format."""
        return Response(await state.metrics.text(), media_type=CONTENT_TYPE)

    return router


def _json(document: dict[str, object], status: int) -> Response:
    headers = {"Retry-After": "1"} if status == 503 else None
    return Response(msgspec.json.encode(document), status, headers, "application/json")
