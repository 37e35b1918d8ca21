"""The OpenAI Realtime API (GA protocol) over WebSocket.

``wire``, ``decode`` and ``frames`` are the codec, ``session_update`` the settings, ``turns`` and
``playback`` the two state machines, ``protocol`` what holds them together: all pure.
``connection`` is the only module that touches a socket, through ``transports``.
"""
