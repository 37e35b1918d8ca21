"""Telephone calls over the WebSockets of telephony providers: Twilio, and those that imitate it.

It uses ``sessions``, which knows nothing of it. (Calls that reach the OpenAI Realtime API by SIP,
whose audio does not pass through the application, are in `trio_realtime.calls`.)

* ``twilio``    `bridge_twilio`, which conducts a call from its start to its end
* ``bridge``    the tasks of one call
* ``settings``  its settings, and the session's settings it insists on
* ``sockets``   the WebSocket it needs, and adapters for WebSocket libraries
* ``stand_in``  Twilio's side of a call, for tests and demonstrations

and, pure, ``messages`` (the wire), ``playout`` (what the caller hears, and when it was heard) and
``uplink`` (what the caller says).
"""
