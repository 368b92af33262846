"""``python3 -m moodlemlbackend.export``, as Moodle's local mode runs it."""

from moodlemlbackend._program import run

if __name__ == "__main__":
    run("export")
