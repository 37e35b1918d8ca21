"""Benchmarks: this library, the OpenAI Agents SDK and two floors, over one scripted server.

``nox -s bench`` runs them; ``python -m benchmarks --help`` has the options. No test looks at a
time: results are ratios of runs that alternate, for people to read. What may gate a change is
`instructions`, which counts instead of timing.

* ``workloads``: all of them, as a table; the client's part of each is in ``plays`` or ``paced``
* ``adapters``, ``job``, ``client``: one measurement, in a process of its own
* ``server`` with ``scripts``: a server that answers as fast as it can
* ``pacer``, with ``load`` and ``search``: a server of audio in real time, for many sessions
* ``wire``, ``websocket``: what both servers send, and how they read
* ``measuring``, ``__main__``: which measurements, in which order, by which interpreter
* ``results``, ``table``, ``findings``, ``plot``, ``capacity_plot``, ``report``: what came of it
* ``instructions``, ``instruction_cases``: instruction counts of the hot paths
"""
