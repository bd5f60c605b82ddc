"""Annotations changed step by step: each step is checked, can be undone, and survives a crash.

rules ── journal ── editor    a step: refused, or written down and done
                       └── remaining    problems, and proposals without a decision
"""
