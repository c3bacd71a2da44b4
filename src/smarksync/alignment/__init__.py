"""The working agreement between the two teams: pure rules over rows and times that are passed in.

Qualification, scoring, routing, hand-off cases, outcomes, clocks and promises, goals, funnel, attribution. Nothing here
knows a clock, a network or a database: the engine and the reports bring rows and times, and take values back.
"""
