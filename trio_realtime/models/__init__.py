"""REACH: what a realtime model is, and the models there are.

``interface`` is the contract, ``events`` and ``inputs`` are what travels through it; ``openai``
implements it for the OpenAI Realtime API.
"""
