"""A validator for form and model fields of Django, and an upload handler that stops what is too large.

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
    from django import conf  # not its `settings`: whatever looks at them, as doctest does, would have to configure them
    from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig, ValidationError
    from django.core.files.uploadhandler import FileUploadHandler
except ImportError:
    raise MissingExtra("a validator for Django", "django") from None

__all__ = ["Passes", "StopLargeUploads"]


class Passes(Requirement):
    """Raise a `ValidationError` for each finding that keeps the file from passing: `code` is the finding's.

    Its `params` are what is known of the finding: fact, value, limit, hint … Can stand in migrations. A str is refused
    with the code `not_a_media_source`; for a Path that a request may choose, give `within=FOLDER`.
    """

    def __call__(self, value: Any) -> None:
        try:
            report = self.report(value)
        except UsageError as error:  # such as the text of a CharField: never the server's fault
            message = str(error).replace("%", "%%")
            raise ValidationError(message, code="not_a_media_source") from None
        if not report.passed:
            raise ValidationError([_error(objection) for objection in self.objections(report)])

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """How a migration writes it down."""
        names = ("strict", "deep", "max_bytes", "timeout", "allow_private", "within")
        chosen = {name: getattr(self, name) for name in names if getattr(self, name) != getattr(Requirement, name)}
        return "preflight.integrations.django.Passes", (self.rules,), chosen

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Passes) and self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash("Passes")


def _error(objection: Objection) -> ValidationError:
    message = objection.finding.message.replace("%", "%%")  # Django fills what follows a % from the params
    return ValidationError(message, code=objection.finding.code, params=objection.context())


class StopLargeUploads(FileUploadHandler):  # type: ignore[misc] # Django has no types of its own
    """Stops reading a request once one of its files is larger than `PREFLIGHT_MAX_UPLOAD_BYTES`; Django answers 400.

    Stands first in FILE_UPLOAD_HANDLERS: what it lets through goes on to the usual handlers. For one view:
    `request.upload_handlers.insert(0, StopLargeUploads(request, max_bytes=…))`, before the body is read. Under ASGI
    Django stores the whole body before any handler sees it: there only the server in front can stop it.
    """

    def __init__(self, request: Any = None, max_bytes: int | None = None) -> None:
        super().__init__(request)
        self._most: int | None = max_bytes or getattr(conf.settings, "PREFLIGHT_MAX_UPLOAD_BYTES", None)
        if self._most is None:
            raise ImproperlyConfigured("StopLargeUploads: set PREFLIGHT_MAX_UPLOAD_BYTES, or give max_bytes")
        self._seen = 0

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._seen = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._seen += len(raw_data)
        assert self._most is not None
        if self._seen > self._most:
            raise RequestDataTooBig(f"an upload has more than the {self._most:,} bytes that are accepted here")
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers behind this one make the file."""
