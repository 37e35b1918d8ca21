"""``python -m trio_realtime``: the ``trio-realtime`` command."""

import sys

from .cli import main

sys.exit(main())
