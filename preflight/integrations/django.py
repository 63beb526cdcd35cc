"""A validator for form and model fields of Django, and an upload handler that stops uploads that are too large.

class ClipForm(forms.Form):
    clip = forms.FileField(validators=[Passes("atlas")])

FILE_UPLOAD_HANDLERS = ["preflight.integrations.django.StopLargeUploads", *the usual ones]
PREFLIGHT_MAX_UPLOAD_BYTES = 50_000_000
"""

from __future__ import annotations

from typing import Any

from preflight.errors import MissingExtra, UsageError
from preflight.integrations.requirement import Objection, Requirement

try:
    # Not `settings`: doctest inspects module attributes, which would require configured settings.
    from django import conf
    from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig, ValidationError
    from django.core.files.uploadhandler import FileUploadHandler
except ImportError:
    raise MissingExtra("a validator for Django", "django") from None

__all__ = ["Passes", "StopLargeUploads"]


class Passes(Requirement):
    """Raises a `ValidationError` for each finding that keeps the file from passing, with the code of the finding.

    Its `params` are the details of the finding: fact, value, limit, hint … Migrations can contain it. A str is rejected
    with the code `not_a_media_source`; for a Path that a request can choose, give `within=FOLDER`.
    """

    def __call__(self, value: object) -> None:
        """Check a value. Raise `ValidationError`."""
        try:
            report = self.report(value)
        except UsageError as error:  # such as the text of a CharField, which is not an error of the server
            message = str(error).replace("%", "%%")
            raise ValidationError(message, code="not_a_media_source") from None
        if not report.passed:
            raise ValidationError([_error(objection) for objection in self.objections(report)])

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return path, args and kwargs, with which a migration constructs it."""
        names = ("strict", "deep", "max_bytes", "timeout", "allow_private", "within")
        chosen = {name: getattr(self, name) for name in names if getattr(self, name) != getattr(Requirement, name)}
        return "preflight.integrations.django.Passes", (self.rules,), chosen

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Passes) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash("Passes")


def _error(objection: Objection) -> ValidationError:
    message = objection.finding.message.replace("%", "%%")  # Django fills % placeholders from the params
    return ValidationError(message, code=objection.finding.code, params=objection.context())


class StopLargeUploads(FileUploadHandler):  # type: ignore[misc] # Django has no types of its own
    """Stops reading a request once one of its files exceeds `PREFLIGHT_MAX_UPLOAD_BYTES`; Django responds 400.

    It comes first in FILE_UPLOAD_HANDLERS and passes the data on to the handlers that follow. For one view, call
    `request.upload_handlers.insert(0, StopLargeUploads(request, max_bytes=…))` before the body is read. Under ASGI
    Django stores the whole body before any handler sees it; there only the server in front of it can stop it.
    """

    def __init__(self, request: Any = None, max_bytes: int | None = None) -> None:
        super().__init__(request)
        self._max_bytes: int | None = max_bytes or getattr(conf.settings, "PREFLIGHT_MAX_UPLOAD_BYTES", None)
        if self._max_bytes is None:
            raise ImproperlyConfigured(
                "StopLargeUploads has no maximum size. Set PREFLIGHT_MAX_UPLOAD_BYTES, or give max_bytes=."
            )
        self._seen = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Count from 0 for a new file."""
        super().new_file(*args, **kwargs)
        self._seen = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass a chunk on. Raise `RequestDataTooBig` if the file is too large."""
        self._seen += len(raw_data)
        assert self._max_bytes is not None
        if self._seen > self._max_bytes:
            raise RequestDataTooBig(f"an upload has more than the {self._max_bytes:,} bytes that are accepted here")
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Return None: a handler that follows creates the file."""
