"""What a caller may write into a project or a key: each check answers with a sentence for the caller, or None."""

import re
import unicodedata
from collections.abc import Sized

PROJECT_ID_MAX = 40
DISPLAY_NAME_MAX = 128

_PROJECT_ID = re.compile(rf"[a-z][a-z0-9-]{{0,{PROJECT_ID_MAX - 1}}}")


def project_id_problem(project_id: str) -> str | None:
    """A project id is part of subjects and of URLs."""
    if _PROJECT_ID.fullmatch(project_id):
        return None
    return f"must be 1 to {PROJECT_ID_MAX} lower-case letters, digits or `-`, a letter first"


def display_name_problem(display_name: str) -> str | None:
    """A display name is for people: any script and sign, no control characters."""
    if len(display_name) > DISPLAY_NAME_MAX:
        return f"must be at most {DISPLAY_NAME_MAX} characters, has {len(display_name)}"
    if any(unicodedata.category(character) == "Cc" for character in display_name):
        return "must not contain control characters"
    return None


def scopes_problem(scopes: Sized) -> str | None:
    """A key that may do nothing is a mistake."""
    return None if len(scopes) else "must hold at least one scope"
