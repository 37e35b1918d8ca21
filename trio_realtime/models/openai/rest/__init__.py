"""The Realtime API over HTTP: calls, webhooks, client secrets and WebRTC's relay."""
