"""``trio-realtime doctor``: shows what is installed and what would be used. Opens no connection."""

import os
import platform
from importlib import metadata

from .._version import __version__
from ..models.transports.opening import choose
from .failures import CommandError
from .servers import KEY_VARIABLE

_EXTRAS = {
    "talk": ("numpy", "soxr"),
    "audio": ("numpy", "soxr", "sounddevice"),
    "fast": ("websockets",),
    "mcp": ("mcp",),
    "sip": ("httpx",),
    "testing": ("pytest", "pytest-trio"),
}


def examine() -> None:
    """Print versions, the transport, whether a key is set, the sound card and the extras."""
    print(f"trio-realtime   {__version__}")
    print(f"Python          {platform.python_version()} on {platform.platform(terse=True)}")
    print(f"trio            {_release('trio')}")
    print(f"transport       {choose('auto')} {_release(choose('auto')) or ''}".rstrip())
    print(
        f"API key         {KEY_VARIABLE} is {'set' if os.environ.get(KEY_VARIABLE) else 'not set'}"
    )
    print(f"sound           {_sound()}")
    for extra, packages in _EXTRAS.items():
        found = {name: _release(name) for name in packages}
        missing = [name for name, release in found.items() if release is None]
        state = f"missing {', '.join(missing)}" if missing else _listed(found)
        print(f"{'[' + extra + ']':<16}{state}")


def _sound() -> str:
    from .sound_card import find_sound_card

    try:
        return find_sound_card().describe()
    except CommandError as error:
        return str(error)


def _listed(found: dict[str, str | None]) -> str:
    return ", ".join(f"{name} {release}" for name, release in found.items())


def _release(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
