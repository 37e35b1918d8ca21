"""The client's side of one connection to the Realtime API, without a socket or a clock."""
