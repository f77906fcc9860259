"""``dashboard.py`` that prints every request accepted by its guard: ``let in: POST /path``."""

from __future__ import annotations

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

import dashboard

LET_IN = "let in: "


class Count:
    """Stands right behind the guard."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "lifespan":
            print(f"{LET_IN}{scope.get('method', 'socket')} {scope['path']}", flush=True)  # noqa: T201
        await self._app(scope, receive, send)


def main() -> None:
    """As ``python dashboard.py``."""
    make = dashboard.create_app

    def counted(*parts: Any) -> Any:
        guarded, routes = make(*parts)
        routes.add_middleware(Count)
        return guarded, routes

    dashboard.create_app = counted
    dashboard.main()


if __name__ == "__main__":
    main()
