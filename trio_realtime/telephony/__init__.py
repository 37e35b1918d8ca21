"""Telephone calls over the WebSockets of telephony providers; ``twilio`` is the provider there is.

A room of its own beside ``sessions``, which it uses and which knows nothing of it. (Calls that
reach the OpenAI Realtime API by SIP, without audio passing through the application, are the
business of `trio_realtime.calls`.)

* ``twilio``    `bridge_twilio`: a call for the length of one ``await``
* ``bridge``    the tasks of one call
* ``settings``  its settings, and the session's settings it insists on
* ``sockets``   the WebSocket it needs, and adapters for the libraries there are
* ``stand_in``  Twilio's side of a call, for tests and demonstrations

and, pure, ``messages`` (the wire), ``playout`` (what the caller hears, and when it was heard) and
``uplink`` (what the caller says).
"""
