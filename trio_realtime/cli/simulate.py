"""``trio-realtime simulate``: the simulator on a port, for other clients to talk to."""

import ssl
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from ..testing.simulator import RealtimeSimulator
from .arguments import Options
from .failures import CommandError
from .servers import SIMULATOR_PACE

KEPT: Final = 100
"""Connections that are over and can still be looked at, by nobody; a bound for the memory."""


async def simulate(options: Options) -> None:
    """Serve until cancelled. Prints the URL, and a line for each session.

    Raises:
        CommandError: the port is taken, or the host is not this machine's.
    """
    simulator = RealtimeSimulator(
        speed=options.pace or SIMULATOR_PACE,
        api_key=options.key,
        keep_received=False,
        keep_connections=KEPT,
    )
    async with AsyncExitStack() as stack:
        try:
            served = simulator.serve(
                options.host, options.port, ssl_context=_ssl_context(options.certificate)
            )
            url = await stack.enter_async_context(served)
        except OSError as error:
            place = f"{options.host}:{options.port}"
            raise CommandError(f"cannot listen at {place}: {error.strerror or error}") from error
        print(f"The simulator listens at {url} until Ctrl-C.", flush=True)
        print(f"Try it with: trio-realtime talk --url {url}", flush=True)
        count = 0
        while True:
            count += 1
            await simulator.wait_connected(count)
            print(f"session {count} began", flush=True)


def _ssl_context(certificate: Path | None) -> ssl.SSLContext | None:
    """The context of a server with this certificate; ``None`` for a server without TLS."""
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate)
    except (OSError, ssl.SSLError) as error:
        raise CommandError(
            f"cannot use {certificate} for TLS: it must be a PEM file with a certificate and its "
            f"private key ({error.strerror or error})"
        ) from error
    return context
