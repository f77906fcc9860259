"""Channels of alerts: where they are sent. Addresses are masked in every answer; a new secret is in one answer only."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.documents import documented
from api.replies import reply, shown_once, whole
from services.delivery.service import ChannelMade, ChannelService

ChannelId = Annotated[str, PathParameter(max_length=40)]
_CHANNEL: Any = {
    "channel_id": "5f0c1a2b3c4d", "name": "my phone", "kind": "ntfy", "address": "ntfy://…", "options": {},
}  # fmt: skip


class ChannelBody(BaseModel):
    """A channel to add; `docs/delivery.md` has the kinds, their addresses and options."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=100, examples=["my desk"])]
    kind: Annotated[str, Field(max_length=40, examples=["webhook"])]
    address: Annotated[str, Field(max_length=2_000, examples=["https://desk.example.org/alerts"])] = ""
    secret: Annotated[str, Field(max_length=400)] = ""
    options: dict[str, str] = {}


class ChannelChange(BaseModel):
    """What is to be changed; what is left out stays."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(max_length=100)] | None = None
    address: Annotated[str, Field(max_length=2_000)] | None = None
    secret: Annotated[str, Field(max_length=400)] | None = None
    options: dict[str, str] | None = None


def add_channel_routes(app: FastAPI, channels: ChannelService) -> None:
    """None takes an Idempotency-Key: an answer with a secret must not be kept."""

    @app.get("/api/alerts/channels", **documented("alerts", "Channels, masked", whole([_CHANNEL])))
    def every(request: Request) -> Response:
        return reply(request, whole([asdict(each) for each in channels.channels()]))

    @app.post("/api/alerts/channels", **documented("alerts", "Add a channel", _CHANNEL | {"secret": "…"}, 201))
    def add(body: ChannelBody) -> Response:
        given = {name: value for name, value in body.model_dump().items() if value}
        return _made(channels.add(given), 201)

    @app.patch("/api/alerts/channels/{channel}", **documented("alerts", "Change a channel", _CHANNEL | {"secret": ""}))
    def change(channel: ChannelId, body: ChannelChange) -> Response:
        return _made(channels.change(channel, body.model_dump(exclude_none=True)), 200)

    @app.delete(
        "/api/alerts/channels/{channel}", **documented("alerts", "Remove a channel", {"removed": "5f0c1a2b3c4d"})
    )
    def remove(request: Request, channel: ChannelId) -> Response:
        channels.remove(channel)
        return reply(request, {"removed": channel})

    @app.post(
        "/api/alerts/channels/{channel}/test",
        **documented("alerts", "Send a test now", {"state": "sent", "error": ""}),
    )
    async def test(request: Request, channel: ChannelId) -> Response:
        return reply(request, asdict(await asyncio.to_thread(channels.test, channel)))


def _made(made: ChannelMade, status: int) -> Response:
    return shown_once(asdict(made.view) | {"secret": made.secret}, status)
