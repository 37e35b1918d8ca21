"""What a realtime model is, and the models that come with the library.

``interface`` is the contract, ``events`` and ``inputs`` are what travels through it; ``openai``
implements it for the OpenAI Realtime API.
"""
