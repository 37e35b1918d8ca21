"""The Realtime API's JSON: decoding server events, encoding client events, and translating both."""
