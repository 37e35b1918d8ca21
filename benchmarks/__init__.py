"""Benchmarks: this library, the OpenAI Agents SDK and two floors, over one scripted server.

``nox -s bench`` runs them; ``python -m benchmarks --help`` has the options. Nothing here is tested
by a clock: results are ratios of runs that alternate, for people to read. What may gate a change
is `instructions`, which counts instead of timing.

* ``wire``, ``server``: what the server sends, and when
* ``workloads``, ``adapters``, ``client``: one measurement, in a process of its own
* ``measuring``, ``__main__``: which measurements, in which order, by which interpreter
* ``results``, ``table``, ``plot``, ``report``: what came of it
* ``instructions``, ``instruction_cases``: instruction counts of the hot paths
"""
