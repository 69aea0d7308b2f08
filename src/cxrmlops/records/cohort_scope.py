"""Which images the stage `cohort` accepted, for the stage that decodes them."""

from typing import ClassVar

from pydantic import RootModel

from cxrmlops.records.record import JsonFile
from cxrmlops.vocabulary.scope import Scope


class CohortScope(JsonFile, RootModel[Scope]):
    """Which images the cohort accepts."""

    file: ClassVar[str] = "cohort/scope.json"
