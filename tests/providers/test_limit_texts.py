"""Sentences of providers are mapped to the limit that they name, if they name one limit and its direction."""

from __future__ import annotations

import time

import pytest

from preflight.codes import CODES
from preflight.errors import RequestRefused
from preflight.providers.refusals import limit_in_text
from tests.rows import each_row

from .conftest import Open
from .server import Recorder


@each_row(
    "text, code",
    [
        ("width must be at least 300px", "width_too_small"),
        ("Invalid image: height must be at least 300 pixels.", "height_too_small"),
        ("The width of the image must not be less than 300", "width_too_small"),
        ("width must be greater than 300px", "width_too_small"),
        ("Image width is smaller than the minimum of 300", "width_too_small"),
        ("height must be less than 6000px", "height_too_large"),
        ("height must be less than or equal to 6000", "height_too_large"),
        ("Width 7000 exceeds the maximum of 6000.", "width_too_large"),
        ("Duration must not exceed 15.2 seconds.", "duration_too_long"),
        ("video duration is too short", "duration_too_short"),
        ("audio length should be at most 30s", "duration_too_long"),
        ("fps must be no more than 60", "fps_too_high"),
        ("frame rate >= 24 is required", "fps_too_low"),
        ("The number of pixels must be at least 407,696", "pixel_count_too_small"),
        ("Pixel count too large: max 8295044", "pixel_count_too_large"),
        ("aspect ratio must be at least 0.4", "aspect_ratio_too_small"),
        ("File size exceeds 30 MB", "file_size_too_large"),
        ("image size should be up to 30MB", "file_size_too_large"),
        ("unsupported format", "format_unsupported"),
        ("The image format is not supported; use png.", "format_unsupported"),
        ("pixel count must be between 407696 and 8295044, got 307200", "pixel_count_too_small"),
        ("duration must be in the range [2, 15], but was 31.5", "duration_too_long"),
        # no side, no limit, or not a limit of a file
        ("width must be between 300 and 6000", None),
        ("pixel count must be between 407,696 and 8,295,044", None),
        ("pixel count must be between 2 and 9, got 5", None),
        ("width: min 300, max 6000", None),
        ("width and height must be at least 300px", None),
        ("width must be at least 300px. height must be at most 6000px.", None),
        ("image size must be at least 300x300", None),
        ("page_size must be at most 100", None),
        ("the name must be at most 64 characters", None),
        ("the URL has an invalid format", None),
        ("bandwidth must be at least 5", None),
        ("width is wrong", None),
        ("", None),
        (None, None),
    ],
)
def test_sentence_names_the_limit_that_it_decides(text: str | None, code: str | None) -> None:
    assert limit_in_text(text) == code
    assert code is None or code in CODES


@pytest.mark.parametrize(
    "text", ["between " * 4000, "width from 1" + "1" * 9000, "file format " * 3000, "not be " * 9000]
)
def test_hostile_sentence_is_searched_in_bounded_time(text: str) -> None:
    begun = time.monotonic()
    limit_in_text(text)
    assert time.monotonic() - begun < 2


def test_refusal_and_failure_are_mapped_alike(server: Recorder, open_: Open) -> None:
    said = "width must be at least 300px"
    for name, group in (("atlas", None), ("volcengine", "g1")):
        provider = open_(name)
        refusal = {"ResponseMetadata": {"Error": {"Code": "InvalidParameter", "Message": said}}}
        server.respond(refusal if group else {"code": "400", "message": said}, 400)
        with pytest.raises(RequestRefused, match=said) as caught:
            provider.register("https://h.example/a.png", "image", group=group)
        assert caught.value.finding == "width_too_small"
    server.respond({"code": 200, "data": {"id": 1, "status": "failed", "error_message": said}})
    asset = open_("atlas").get("1")
    assert (asset.error_code, asset.error_message) == ("width_too_small", said)


def test_text_does_not_override_the_reason_of_an_account(server: Recorder, open_: Open) -> None:
    server.respond({"code": "403", "message": "width must be at least 300px"}, 403)
    with pytest.raises(Exception, match="may not do this") as caught:
        open_("atlas").get("1")
    assert getattr(caught.value, "finding", "") is None
