"""Tokens of programs, and the audit log."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.documents import documented
from api.market_routes import Cursor
from api.permissions import caller
from api.replies import Writes, id_text, paged, place_of, reply, shown_once, whole
from services.requests import RequestService
from services.tokens import Token, TokenService

_TOKEN = {
    "token_id": "3f9c2a1b", "name": "my forwarder", "role": "feeder", "made_ms": 1790046465580, "revoked_ms": None,
    "used_ms": None,
}  # fmt: skip
_CHANGE = {
    "change_id": "9", "at_ms": 1790046465580, "who": "token 3f9c2a1b (desk)", "what": "watch usdm/ETHUSDT~BTCUSDT",
    "before": None, "after": {},
}  # fmt: skip


class TokenBody(BaseModel):
    """A token to make: ``viewer`` reads, ``feeder`` sends data, ``trader`` does both and changes things."""

    model_config = ConfigDict(extra="forbid")
    role: Annotated[str, Field(max_length=20, examples=["feeder"])]
    name: Annotated[str, Field(max_length=60, examples=["my forwarder"])]


def add_token_routes(app: FastAPI, tokens: TokenService, requests: RequestService, writes: Writes) -> None:
    """Made, listed and revoked by the owner alone: no token makes another."""

    @app.get("/api/tokens", **documented("access", "Tokens, without their secrets", whole([_TOKEN])))
    def every(request: Request) -> Response:
        return reply(request, whole([shown(each) for each in tokens.all()]))

    @app.post(
        "/api/tokens", **documented("access", "Make a token; it is shown only now", _TOKEN | {"secret": "pb_.."}, 201)
    )
    def make(body: TokenBody) -> Response:  # takes no Idempotency-Key: its answer must not be kept
        made, secret = tokens.make(body.role, body.name)
        requests.changed(caller.get().name, f"make the token {made.token_id}", None, shown(made))
        return shown_once(shown(made) | {"secret": secret}, 201)

    @app.delete("/api/tokens/{token}", **documented("access", "Revoke a token", _TOKEN))
    async def revoke(request: Request, token: Annotated[str, PathParameter(max_length=40)]) -> Response:
        def do() -> dict[str, Any]:
            before = next((shown(each) for each in tokens.all() if each.token_id == token), None)
            after = shown(tokens.revoke(token))
            requests.changed(caller.get().name, f"revoke the token {token}", before, after)
            return after

        return await writes.once(request, do)

    @app.get("/api/audit", **documented("access", "Changes, the newest first", whole([_CHANGE])))
    def audit(request: Request, cursor: Cursor = "") -> Response:
        place = place_of(request, 1)
        page = requests.page(place and place.numbers[0])
        rows = [asdict(each) | {"change_id": id_text(each.change_id)} for each in page.rows]
        return reply(request, paged(request, rows, None if page.older is None else (page.older,)))


def shown(token: Token) -> dict[str, Any]:
    """A token without its digest."""
    return {name: value for name, value in asdict(token).items() if name != "digest"}
