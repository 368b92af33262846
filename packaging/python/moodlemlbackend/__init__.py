"""Moodle's local mode for moodle-mlbackend: each module is replaced by the program, which is in the same wheel.

Moodle runs ``python3 -m moodlemlbackend.training ...``. The modules have the names of the Python server's; Moodle
notices no difference.
"""
