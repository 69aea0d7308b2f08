"""What all pages share: their templates, and pictures that lie inside the page."""

import base64
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parent / "templates"


def environment() -> Environment:
    """Prepare the pages' templates: what is not given is an error, not a blank."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def inline(svg: str) -> str:
    """Write a plot as the address of an image, so that its ids stay its own."""
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
