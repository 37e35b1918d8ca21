"""The OpenAI Realtime API (GA protocol) over WebSocket.

``wire`` decodes and encodes the API's JSON, and ``protocol`` is the client's side of a connection;
both are pure. ``model`` and ``azure`` say where the service is and how the client authenticates,
and ``rest`` is the API over HTTP. ``websocket_connection`` moves the frames.
"""
