"""Packaging: metadata stands in pyproject.toml; here only what it can't say."""
from pathlib import Path

from setuptools import find_packages, setup

version = next(line.split('"')[1] for line in Path("clip_plugins/version.py").read_text().splitlines() if "=" in line)
setup(version=version, packages=find_packages(include=["clip_plugins", "clip_plugins.*"]))
