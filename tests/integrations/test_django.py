"""The validator for Django forms, and the upload handler that stops uploads that are too large."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db.migrations.writer import MigrationWriter
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test import Client
from django.test.utils import override_settings
from django.urls import path

from preflight.integrations.django import Passes, StopLargeUploads

GOOD = Path("fixtures/accepted/picture.png")
NARROW = Path("fixtures/refused/png-too-narrow.png")
MOST = 300_000

settings.configure(
    ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"], USE_I18N=False, LOGGING_CONFIG=None, SECRET_KEY="tests only"
)
django.setup()


class PictureForm(forms.Form):  # type: ignore[misc] # Django has no types of its own
    picture = forms.FileField(validators=[Passes("atlas", max_bytes=MOST)])


def view(request: HttpRequest) -> HttpResponse:
    form = PictureForm(request.POST, request.FILES)
    if form.is_valid():
        return JsonResponse({"bytes": len(form.cleaned_data["picture"].read())})
    return JsonResponse(form.errors.get_json_data(), status=422)


urlpatterns = [path("pictures", view)]


def upload(path: Path, name: str | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name or path.name, path.read_bytes())


class TestValidator:
    def test_passing_file_is_in_the_form_from_its_first_byte(self) -> None:
        form = PictureForm({}, {"picture": upload(GOOD)})
        assert form.is_valid(), form.errors
        assert form.cleaned_data["picture"].read() == GOOD.read_bytes()

    def test_each_finding_is_an_error_with_its_code(self) -> None:
        form = PictureForm({}, {"picture": upload(NARROW)})
        assert not form.is_valid()
        (error,) = form.errors.as_data()["picture"]
        assert error.code == "width_too_small"
        assert error.params["limit"] == {"min": 300, "max": 6000}
        assert form.errors["picture"] == ["width 299 px: below the 300 px that Atlas Cloud accepts"]

    def test_file_that_was_spooled_to_disk_is_read_there(self) -> None:
        with TemporaryUploadedFile("a.png", "image/png", NARROW.stat().st_size, None) as file:
            file.write(NARROW.read_bytes())
            with pytest.raises(ValidationError, match="width 299 px"):
                Passes("atlas")(file)

    def test_file_above_max_bytes_is_rejected_unread(self) -> None:
        form = PictureForm({}, {"picture": SimpleUploadedFile("a.png", GOOD.read_bytes() + bytes(MOST))})
        assert [error.code for error in form.errors.as_data()["picture"]] == ["file_size_too_large"]

    def test_percent_signs_and_markup_in_a_name_have_no_effect(self, tmp_path: Path) -> None:
        with pytest.raises(ValidationError) as caught:
            Passes("atlas")(tmp_path / "%(value)s %d <b>.png")
        assert caught.value.messages == [f"{tmp_path}/%(value)s %d <b>.png does not exist. Check the path."]
        form = PictureForm({}, {"picture": upload(NARROW, "<img src=x onerror=1>.png")})
        assert "<img" not in form.errors.as_ul()

    def test_validator_is_serialised_in_migration(self) -> None:
        validator = Passes("atlas", strict=True)
        text, imports = MigrationWriter.serialize(validator)
        assert text == "preflight.integrations.django.Passes('atlas', strict=True)"
        scope: dict[str, Any] = {}
        exec("\n".join(imports), scope)
        assert eval(text, scope) == validator
        assert validator != Passes("atlas")


class TextForm(forms.Form):  # type: ignore[misc] # Django has no types of its own
    picture = forms.CharField(validators=[Passes("atlas")])
    link = forms.URLField(validators=[Passes("atlas")], assume_scheme="https")


class TestPaths:
    def test_text_in_a_request_is_neither_opened_nor_fetched(self) -> None:
        form = TextForm({"picture": "/etc/passwd", "link": "http://127.0.0.1/a.png"})
        assert not form.is_valid()
        codes = {name: [error.code for error in found] for name, found in form.errors.as_data().items()}
        assert codes == {"picture": ["not_a_media_source"], "link": ["not_a_media_source"]}

    def test_path_outside_the_folder_is_rejected_whether_or_not_it_exists(self, tmp_path: Path) -> None:
        validator = Passes("atlas", within=GOOD.parent)
        validator(GOOD)
        for outside in (NARROW, tmp_path / "gone.png", GOOD.parent / ".." / "refused" / NARROW.name):
            with pytest.raises(ValidationError) as caught:
                validator(outside)
            assert caught.value.error_list[0].code == "path_outside"

    def test_within_folder_is_serialised_in_migration(self) -> None:
        validator = Passes("atlas", within="fixtures")
        assert MigrationWriter.serialize(validator)[0] == (
            "preflight.integrations.django.Passes('atlas', within='fixtures')"
        )


class Counted(io.BytesIO):
    """A request body that counts the bytes read from it."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


class TestRequests:
    def test_form_returns_errors_to_a_client(self) -> None:
        client = Client()
        assert client.post("/pictures", {"picture": upload(GOOD)}).json() == {"bytes": GOOD.stat().st_size}
        answer = client.post("/pictures", {"picture": upload(NARROW)})
        assert answer.status_code == 422
        assert answer.json()["picture"][0]["code"] == "width_too_small"

    @pytest.fixture
    def stopping(self) -> Iterator[None]:
        usual = settings.FILE_UPLOAD_HANDLERS
        handlers = ["preflight.integrations.django.StopLargeUploads", *usual]
        with override_settings(FILE_UPLOAD_HANDLERS=handlers, PREFLIGHT_MAX_UPLOAD_BYTES=MOST):
            yield

    @pytest.mark.usefixtures("stopping")
    def test_small_upload_is_passed_to_the_following_handlers(self) -> None:
        assert Client().post("/pictures", {"picture": upload(GOOD)}).json() == {"bytes": GOOD.stat().st_size}

    @pytest.mark.usefixtures("stopping")
    def test_reading_stops_for_a_large_upload(self) -> None:
        head = b'--B\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n\r\n'
        body = Counted(head + GOOD.read_bytes() + bytes(20 << 20) + b"\r\n--B--\r\n")
        size = len(body.getvalue())
        answer = Client(raise_request_exception=False).generic(
            "POST",
            "/pictures",
            content_type="multipart/form-data; boundary=B",
            **{"wsgi.input": body, "CONTENT_LENGTH": str(size)},
        )
        assert 400 <= answer.status_code < 500
        assert body.taken < MOST + (1 << 20)

    def test_handler_requires_a_maximum_size(self) -> None:
        with pytest.raises(ImproperlyConfigured, match="PREFLIGHT_MAX_UPLOAD_BYTES"):
            StopLargeUploads()
