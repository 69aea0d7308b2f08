"""The base of all records: a JSON file with a type, read and written whole."""

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from cxrmlops.records.rerun import rerun
from cxrmlops.system.errors import DataError, wrong_values
from cxrmlops.system.files import write_json


class Part(BaseModel):
    """A part of a record: unknown keys are errors, values never change."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class JsonFile(BaseModel):
    """What a JSON file of a stage holds, checked when it is read."""

    model_config = ConfigDict(frozen=True)

    file: ClassVar[str]  # stage/name below the data folder

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file, or say which stage to run.

        Raises:
            DataError: there is no such file, or it holds something else.
        """
        stage = rerun(Path(cls.file))
        if not path.exists():
            raise DataError(f"{path} is missing; run the stage {stage} first")
        try:
            return cls.model_validate_json(path.read_bytes(), strict=True)
        except ValidationError as error:
            raise DataError(
                f"{path} is not what its stage writes, run the stage {stage} again: "
                f"{wrong_values(error)}"
            ) from None

    def write(self, path: Path, *, private: bool = False) -> None:
        """Write the file whole, with stable key order.

        Args:
            path: the file.
            private: it may name a patient: whatever the umask, only its owner reads it.

        Raises:
            ResourceError: the disk is full; nothing is left behind.
        """
        write_json(path, self.model_dump(mode="json"), private=private)


class Record(JsonFile, Part):
    """A JSON file that holds an object with named fields."""
