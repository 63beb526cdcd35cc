"""Judging facts by a rule set: verdicts, findings and messages."""

from __future__ import annotations

from typing import Any, ClassVar

from preflight import catalog
from preflight.codes import CODES
from preflight.judge import fails_in_variants, judge
from preflight.limit import compile_limit
from preflight.media import NONE, Delivery, Media
from preflight.report import Finding, Problem, Result
from preflight.ruleset import RuleSet, compile_ruleset
from preflight.wording import accepted
from tests.rows import each_row

CLIP = Media(
    kind="video",
    format="mp4",
    size=9_000_000,
    width=1280,
    height=720,
    duration=5.0,
    fps=24.0,
    video_codec="h264",
    audio_codec="aac",
)
PHOTO = Media(kind="image", format="jpeg", size=90_000, width=640, height=640, has_alpha=False)
ATLAS = catalog.load("atlas")
HEAD = {
    "title": "Mine: clips",
    "stage": "register",
    "source": "https://example.com",
    "as_of": "2026-11-20",
    "basis": "published",
}


def rules(**sections: Any) -> RuleSet:
    return compile_ruleset("mine", {**HEAD, **sections})


def codes(result: Result) -> list[str]:
    return [finding.code for finding in result.findings]


def test_media_inside_every_limit_passes_without_findings() -> None:
    result = judge(CLIP, ATLAS)
    assert (result.verdict, result.findings) == ("pass", ())
    assert (result.rules, result.stage, result.as_of, result.basis) == ("atlas", "register", "2026-11-20", "published")


def test_result_has_every_finding() -> None:
    bad = CLIP._replace(width=2600, height=1000, duration=1.0, fps=12.0, size=60_000_000)
    assert codes(judge(bad, ATLAS)) == [
        "aspect_ratio_too_large",
        "pixel_count_too_large",
        "duration_too_short",
        "fps_too_low",
        "file_size_too_large",
    ]


@each_row(
    ("change", "message"),
    [
        (
            {"width": 2560, "height": 1440},
            "pixels 3,686,400 (2560×1440): above the 927,408 total pixels that Atlas Cloud accepts (e.g. 640×640 to "
            "834×1112)",
        ),
        ({"height": 290}, "height 290 px: below the 300 px that Atlas Cloud accepts"),
        (
            {"duration": 15.1},
            "duration 15.1 s: above the 15 s that Atlas Cloud publishes, within the 15.2 s that it is known or likely "
            "to accept (15 s is published; 15.2 s was measured on 2026-07-27)",
        ),
        (
            {"duration": 16.0},
            "duration 16 s: above the 15 s that Atlas Cloud accepts (15 s is published; 15.2 s was measured on "
            "2026-07-27)",
        ),
        ({"size": 52_428_801}, "file size 52.428801 MB: above the 50 MB that Atlas Cloud accepts"),
        (
            {"size": 50_000_001},
            "file size 50.000001 MB: above the 50 MB that Atlas Cloud publishes, within the 50 MiB that it is known or "
            "likely to accept",
        ),
        ({"format": "webm"}, "format webm: Atlas Cloud accepts mp4 or mov"),
        ({"duration": None}, "duration could not be read: Atlas Cloud accepts 2 s to 15 s"),
    ],
)
def test_message_names_value_and_bound_for_clips(change: dict[str, Any], message: str) -> None:
    assert message in [finding.message for finding in judge(CLIP._replace(**change), ATLAS).findings]


@each_row(
    ("media", "message"),
    [
        (
            PHOTO._replace(size=30_000_000),
            "file size 30 MB: exactly the 30 MB that Atlas Cloud publishes as excluded, and is known or likely to ",
        ),
        (PHOTO._replace(width=299), "width 299 px: below the 300 px that Atlas Cloud accepts"),
        (
            PHOTO._replace(width=None, notes=("truncated",)),
            "width could not be read (the file is cut off): Atlas Cloud ",
        ),
        (
            Media(format="zip", size=9),
            "format zip: Atlas Cloud accepts bmp, gif, heic, heif, jpeg, mov, mp3, mp4, png, ",
        ),
        (Media(size=0), "the file is empty"),
        (Media(size=9), "the content has no format that preflight recognizes"),
    ],
)
def test_message_names_value_and_bound_for_pictures_and_other_files(media: Media, message: str) -> None:
    assert judge(media, ATLAS).findings[0].message.startswith(message)


def test_a_kind_without_a_section_is_not_accepted() -> None:
    result = judge(CLIP, catalog.load("agentsflare"))
    assert (result.verdict, codes(result)) == ("fail", ["kind_not_accepted"])
    assert result.findings[0].message == "video: Agentsflare accepts images here"
    assert result.findings[0].limit == {"any_of": ["image"]}


class TestLenient:
    def test_value_in_lenient_bounds_is_a_warning_that_fails_if_strict(self) -> None:
        long = CLIP._replace(duration=15.2)
        plain, strict = judge(long, ATLAS), judge(long, ATLAS, strict=True)
        assert (plain.verdict, strict.verdict) == ("pass", "fail")
        assert plain.findings == strict.findings
        assert plain.findings[0].severity == "warning"

    def test_lenient_replaces_only_the_bounds_that_it_names(self) -> None:
        assert judge(CLIP._replace(duration=1.99), ATLAS).verdict == "fail"

    def test_lenient_choice_is_a_warning(self) -> None:
        section = {"format": {"any_of": ["mp4"], "lenient": {"any_of": ["mp4", "mov"]}}}
        mine = rules(video=section)
        assert judge(CLIP._replace(format="mov"), mine).verdict == "pass"
        assert judge(CLIP._replace(format="mov"), mine, strict=True).verdict == "fail"
        assert judge(CLIP._replace(format="mkv"), mine).verdict == "fail"


class TestNoneAndUnknown:
    """`None` is "could not be read"; the word "none" is "read, and there is none"."""

    MINE = rules(video={"audio_codec": {"any_of": ["aac"]}})
    LOUD = rules(video={"audio_codec": {"any_of": ["aac"], "required": True}})
    SILENT = rules(video={"audio_codec": {"any_of": [NONE]}})

    @each_row(
        ("codec", "mine", "loud", "silent"),
        [
            ("aac", [], [], ["audio_track_forbidden"]),
            ("opus", ["audio_codec_unsupported"], ["audio_codec_unsupported"], ["audio_track_forbidden"]),
            (NONE, [], ["audio_track_required"], []),
            (None, ["fact_unknown"], ["fact_unknown"], ["fact_unknown"]),
        ],
    )
    def test_audio_track_is_judged_if_required_or_forbidden(
        self, codec: str | None, mine: list[str], loud: list[str], silent: list[str]
    ) -> None:
        clip = CLIP._replace(audio_codec=codec)
        assert [codes(judge(clip, each)) for each in (self.MINE, self.LOUD, self.SILENT)] == [mine, loud, silent]

    def test_messages(self) -> None:
        assert judge(CLIP._replace(audio_codec=NONE), self.LOUD).findings[0].message == (
            "audio codec: Mine requires an audio track"
        )
        assert judge(CLIP, self.SILENT).findings[0].message == "audio codec aac: Mine accepts no audio track"

    def test_unknown_is_not_a_pass_and_a_failure_outranks_it(self) -> None:
        unknown = CLIP._replace(fps=None)
        assert judge(unknown, ATLAS).verdict == "unknown"
        assert judge(unknown._replace(duration=99.0), ATLAS).verdict == "fail"

    def test_fact_without_a_limit_may_be_unknown(self) -> None:
        assert judge(CLIP._replace(bit_rate=None, video_codec=None), ATLAS).verdict == "pass"


def test_condition_on_the_format_replaces_single_limits() -> None:
    generate = catalog.load("seedance-2.0")
    sound = CLIP._replace(audio_codec="pcm")
    assert codes(judge(sound, generate)) == ["audio_codec_unsupported"]
    assert judge(sound._replace(format="mov"), generate).verdict == "pass"
    assert codes(judge(sound._replace(format="mov", fps=90.0), generate)) == ["fps_too_high"]


def test_flags_are_worded_as_yes_and_no() -> None:
    mine = rules(video={"streamable": {"any_of": [True]}, "variable_fps": {"any_of": [False]}})
    result = judge(CLIP._replace(streamable=False, variable_fps=True), mine)
    assert [finding.message for finding in result.findings] == [
        "streamable no: Mine accepts yes",
        "variable frame rate yes: Mine accepts no",
    ]


class TestAround:
    """Problems, deliveries and extra findings besides the facts of the file."""

    def test_problem_of_a_source_is_a_finding(self) -> None:
        result = judge(None, ATLAS, problem=Problem("permission_denied", "x.png: permission denied"))
        assert (result.verdict, codes(result)) == ("unknown", ["permission_denied"])
        assert judge(None, ATLAS, problem=Problem("download_failed", "404")).verdict == "fail"

    def test_extra_findings_count(self) -> None:
        note = Finding("extension_mismatch", "note", "the name ends in .png, the content is jpeg")
        torn = Finding("truncated", "error", "the file is cut off")
        assert judge(PHOTO, ATLAS, extra=(note,)).verdict == "pass"
        assert judge(PHOTO, ATLAS, extra=(note, torn)).verdict == "fail"
        assert judge(PHOTO, ATLAS, extra=(torn,), dropped=frozenset(("truncated",))).verdict == "pass"

    @each_row(
        ("change", "verdict", "message"),
        [
            ({}, "pass", None),
            ({"public": False}, "fail", "host is not on the public internet: Atlas Cloud cannot fetch from it"),
            ({"page": "drive"}, "fail", "the URL returns a web page (drive) instead of the file: Atlas Cloud "),
            (
                {"expires_in": 300.0},
                "pass",
                "the URL expires in 5 minutes (a service may wait minutes before it fetches)",
            ),
            ({"expires_in": -20.0}, "fail", "the URL expired 20 s ago (a service may wait minutes before it fetches)"),
            ({"expires_in": 3600.0}, "pass", None),
            ({"public": None, "ranges": None, "content_length": None}, "pass", None),
        ],
    )
    def test_urls(self, change: dict[str, Any], verdict: str, message: str | None) -> None:
        delivery = Delivery(scheme="https", host="example.com", url_length=40, public=True, status=200, ranges=True)
        result = judge(PHOTO, ATLAS, delivery=delivery._replace(**change))
        assert result.verdict == verdict
        assert [finding.message[: len(message or "")] for finding in result.findings] == ([message] if message else [])

    def test_problem_and_limit_with_the_same_code_give_one_finding(self) -> None:
        delivery = Delivery(scheme="https", host="10.0.0.1", url_length=40, public=False)
        result = judge(None, ATLAS, delivery=delivery, problem=Problem("address_not_public", "10.0.0.1 is private"))
        assert codes(result) == ["address_not_public"]

    def test_limits_of_strict_fetchers_are_judged(self) -> None:
        delivery = Delivery(
            scheme="http",
            host="10.0.0.1",
            url_length=2049,
            status=200,
            host_is_ip=True,
            redirects=1,
            head_ok=False,
        )
        assert codes(judge(PHOTO, catalog.load("runway"), delivery=delivery)) == [
            "scheme_unsupported",
            "host_is_ip",
            "head_fails",
            "redirects_too_many",
            "url_too_long",
            "content_type_unsupported",
            "content_length_missing",
        ]


@each_row(
    ("fact", "line", "words"),
    [
        ("fps", {"min": 24, "max": 60}, "24 fps to 60 fps"),
        ("width", {"above": 300, "below": 6000}, "300 px to 6,000 px, without the bounds"),
        ("size", {"max": "50 MB"}, "at most 50 MB"),
        ("size", {"below": "30 MiB"}, "below 30 MiB"),
        ("duration", {"min": 2}, "at least 2 s"),
        ("duration", {"above": 2}, "above 2 s"),
        ("format", {"any_of": ["wav"]}, "wav"),
        ("format", {"any_of": ["wav", "mp3", "ogg"]}, "wav, mp3 or ogg"),
        ("channels", {"any_of": [1, 2]}, "1 or 2"),
        ("encrypted", {"any_of": [False]}, "no"),
    ],
)
def test_accepted_values_are_worded(fact: str, line: dict[str, Any], words: str) -> None:
    assert accepted(compile_limit(fact, line)) == words


def test_every_message_template_can_be_filled() -> None:
    words = dict.fromkeys(("what", "value", "sentence", "service", "limit", "note", "reason", "message"), "x")
    for name, code in CODES.items():
        assert code.template.format(**words), name


def test_finding_as_json_has_all_fields() -> None:
    finding = judge(CLIP._replace(duration=16.0), ATLAS).findings[0]
    assert finding.as_json() == {
        "code": "duration_too_long",
        "severity": "error",
        "fact": "duration",
        "value": 16.0,
        "limit": {"min": 2, "max": 15, "lenient": {"max": 15.2}},
        "message": finding.message,
        "hint": finding.hint,
        "reference": "https://www.atlascloud.ai/blog/guides/atlas-cloud-asset-library-seedance-2-0",
    }


class TestAbsentTracks:
    """Where a track is absent its facts have no values: limits on them pass, unless they are required."""

    SOUND: ClassVar = {"sample_rate": {"max": 48_000}, "channels": {"max": 2}, "audio_codec": {"any_of": ["aac"]}}

    def test_silent_video_passes_limits_on_audio(self) -> None:
        silent = CLIP._replace(audio_codec=NONE)
        assert judge(silent, rules(video=self.SOUND)).verdict == "pass"

    @each_row("fact", ["sample_rate", "channels", "audio_codec"])
    def test_a_required_fact_of_an_absent_track_fails(self, fact: str) -> None:
        silent = CLIP._replace(audio_codec=NONE)
        result = judge(silent, rules(video={fact: {**self.SOUND[fact], "required": True}}))
        assert (result.verdict, codes(result)) == ("fail", ["audio_track_required"])

    @each_row("codec", ["aac", None])
    def test_a_fact_that_was_not_read_is_still_unknown(self, codec: str | None) -> None:
        loud = CLIP._replace(audio_codec=codec)
        result = judge(loud, rules(video={"sample_rate": {"max": 48_000}}))
        assert (result.verdict, codes(result)) == ("unknown", ["fact_unknown"])

    @each_row("codec", [NONE, None])
    def test_audio_file_passes_limits_on_pictures(self, codec: str | None) -> None:
        song = Media(kind="audio", format="m4a", size=9, duration=3.0, audio_codec="aac", video_codec=codec)
        result = judge(
            song, rules(audio={"width": {"max": 1920}, "fps": {"max": 60}, "video_codec": {"any_of": ["h264"]}})
        )
        assert result.verdict == "pass"

    def test_file_of_unknown_streamability_is_unknown(self) -> None:
        result = judge(CLIP._replace(audio_codec=NONE), rules(video={"streamable": {"any_of": [True]}}))
        assert result.verdict == "unknown"


class TestListedRatios:
    """A ratio in `any_of` matches within one pixel of height, any other number exactly."""

    RATIOS: ClassVar = {"aspect_ratio": {"any_of": [1.7778, 0.5625]}}

    @each_row(
        ("width", "height", "verdict"),
        [
            (1920, 1080, "pass"),
            (1280, 720, "pass"),
            (854, 480, "pass"),
            (853, 480, "pass"),
            (856, 480, "fail"),  # 481.5 lines
            (850, 480, "fail"),
            (720, 1280, "pass"),
            (608, 1080, "pass"),
            (606, 1080, "fail"),
            (1000, 1000, "fail"),
        ],
    )
    def test_listed_ratio_tolerates_one_pixel_of_height(self, width: int, height: int, verdict: str) -> None:
        assert judge(CLIP._replace(width=width, height=height), rules(video=self.RATIOS)).verdict == verdict

    def test_lenient_listed_ratio_tolerates_one_pixel(self) -> None:
        line = {"any_of": [1.7778], "lenient": {"any_of": [1.7778, 1.3333]}}
        result = judge(CLIP._replace(width=1024, height=768), rules(video={"aspect_ratio": line}))
        assert (result.verdict, [one.severity for one in result.findings]) == ("pass", ["warning"])

    def test_listed_numbers_other_than_ratios_match_exactly(self) -> None:
        assert judge(CLIP._replace(fps=23.976), rules(video={"fps": {"any_of": [24]}})).verdict == "fail"
        assert judge(CLIP._replace(height=721), rules(video={"height": {"any_of": [720]}})).verdict == "fail"


def test_equal_limits_have_equal_hashes() -> None:
    line = {"min": 2, "max": 15, "lenient": {"max": 15.2}, "note": "n", "hint": "h", "required": True}
    first, second = compile_limit("duration", line), compile_limit("duration", dict(line))
    assert first == second
    assert hash(first) == hash(second)
    assert len({first, second, compile_limit("duration", {"min": 2})}) == 2


URL = Delivery(scheme="https", host="example.com", url_length=40, public=True, status=200, ranges=True)


def verdicts(
    media: Media | None, ruleset: RuleSet, delivery: Delivery | None = None, **options: Any
) -> tuple[str, list[str]]:
    result = judge(media, ruleset, delivery=delivery, **options)
    return result.verdict, codes(result)


class TestNotesOfUrls:
    """What a server does that no limit asks about is mentioned."""

    def test_notes_of_the_server_become_findings(self) -> None:
        result = judge(PHOTO, ATLAS, delivery=URL._replace(notes=("no_ranges", "length_wrong", "not a code")))
        assert [(one.code, one.severity) for one in result.findings] == [
            ("no_ranges", "note"),
            ("length_wrong", "warning"),
        ]

    def test_http_is_remarked_where_no_limit_names_the_scheme(self) -> None:
        plain = URL._replace(scheme="http")
        assert verdicts(PHOTO, rules(image={}), plain) == ("pass", ["plain_http"])
        assert verdicts(PHOTO, rules(image={}), URL) == ("pass", [])
        listed = rules(image={}, url={"scheme": {"any_of": ["http", "https"]}})
        assert verdicts(PHOTO, listed, plain) == ("pass", [])
        assert verdicts(PHOTO, rules(image={}, url={"scheme": {"any_of": ["https"]}}), plain) == (
            "fail",
            ["scheme_unsupported"],
        )

    def test_findings_about_the_file_are_dropped_where_a_web_page_came_in_its_place(self) -> None:
        page = URL._replace(page="login", content_type="text/html", notes=("no_ranges", "redirected_host"))
        strict = rules(image={}, url={"content_type": {"any_of": ["image/png"]}, "redirects": {"max": 3}})
        result = judge(Media(format="html", size=9), strict, delivery=page)
        assert codes(result) == ["web_page", "redirected_host"]
        assert result.findings[0].hint is not None
        assert "login" in result.findings[0].hint

    def test_a_page_that_is_accepted_is_judged_as_a_file(self) -> None:
        tolerant = rules(image={}, url={"page": {"any_of": ["none"], "lenient": {"any_of": ["none", "html"]}}})
        found = judge(Media(format="html", size=9), tolerant, delivery=URL._replace(page="html"))
        assert [(one.code, one.severity) for one in found.findings] == [
            ("web_page", "warning"),
            ("format_unsupported", "error"),
        ]

    def test_private_addresses_are_a_warning_only_where_they_are_allowed(self) -> None:
        private = URL._replace(public=False)
        assert verdicts(PHOTO, ATLAS, private) == ("fail", ["address_not_public"])
        assert verdicts(PHOTO, ATLAS, private, private=True) == ("pass", ["address_not_public"])
        late = private._replace(expires_in=-5.0)
        assert verdicts(PHOTO, ATLAS, late, private=True) == ("fail", ["address_not_public", "url_expired"])

    def test_a_limit_whose_code_differs_from_the_problem_is_still_reported(self) -> None:
        gone = Problem("download_failed", "404")
        long = URL._replace(status=404, url_length=3000)
        result = judge(None, rules(image={}, url={"url_length": {"max": 2048}}), delivery=long, problem=gone)
        assert codes(result) == ["download_failed", "url_too_long"]


class TestFactsTheServerDidNotShow:
    """A fact of a delivery that was not seen is unknown, missing or irrelevant."""

    LIMITS: ClassVar = rules(image={}, url={"redirects": {"max": 1}, "content_length": {"max": 9, "required": True}})

    @each_row(
        ("status", "found"),
        [
            (None, []),
            (199, []),
            (200, ["content_length_missing"]),
            (299, ["content_length_missing"]),
            (300, []),
            (404, []),
        ],
    )
    def test_a_required_fact_is_missing_only_in_a_successful_response(
        self, status: int | None, found: list[str]
    ) -> None:
        assert codes(judge(PHOTO, self.LIMITS, delivery=URL._replace(status=status))) == found

    def test_a_fact_that_every_server_shows_is_unknown_without_it(self) -> None:
        asked = rules(image={}, url={"head_ok": {"any_of": [True]}, "content_type": {"any_of": ["image/png"]}})
        assert verdicts(PHOTO, asked, URL) == ("unknown", ["fact_unknown"])


class TestDataUris:
    """Of the limits on URLs, only those on the declared type hold for data URIs."""

    DATA = Delivery(scheme="data", host="", url_length=3000, content_type="image/png", content_type_matches=True)
    SMALL = PHOTO._replace(size=500)

    def taken(self, **section: Any) -> RuleSet:
        return rules(
            image={}, video={}, data_uri=section, url={"url_length": {"max": 10}, "scheme": {"any_of": ["https"]}}
        )

    def test_kinds_that_are_not_listed_are_refused_with_what_is_taken(self) -> None:
        result = judge(CLIP, self.taken(kinds=["image"]), delivery=self.DATA)
        assert (result.verdict, codes(result)) == ("fail", ["data_uri_not_accepted"])
        finding = result.findings[0]
        assert finding.message == "video as a data URI: Mine accepts images as data URIs, videos by URL"
        assert (finding.limit, finding.hint) == ({"kinds": ["image"]}, "host the file, and give its http(s) URL")

    def test_no_kind_is_taken(self) -> None:
        for media, what in ((CLIP, "video"), (None, "a file"), (Media(format="zip", size=9), "a file")):
            finding = judge(media, self.taken(kinds=[]), delivery=self.DATA).findings[0]
            assert finding.message == f"{what} as a data URI: Mine accepts files by URL"

    def test_a_file_of_unknown_kind_is_not_refused_where_a_kind_is_taken(self) -> None:
        problem = Problem("unreadable", "x")
        assert codes(judge(None, self.taken(kinds=["image"]), delivery=self.DATA, problem=problem)) == ["unreadable"]

    def test_listed_kinds_are_taken_within_their_limits(self) -> None:
        ruleset = self.taken(kinds=["image"], image={"size": {"max": 499}, "url_length": {"max": 2999}})
        assert verdicts(self.SMALL, ruleset, self.DATA) == ("fail", ["file_size_too_large", "url_too_long"])
        wide = self.taken(kinds=["image"], image={"size": {"max": 500}, "url_length": {"max": 3000}})
        assert verdicts(self.SMALL, wide, self.DATA) == ("pass", [])
        assert verdicts(self.SMALL._replace(size=None), wide, self.DATA) == ("pass", [])

    def test_limits_alone_leave_every_kind_to_be_taken(self) -> None:
        assert verdicts(CLIP, self.taken(image={"size": {"max": 1}}), self.DATA) == ("pass", [])

    def test_a_rule_set_without_a_word_on_data_uris_judges_the_scheme(self) -> None:
        silent = rules(image={}, url={"scheme": {"any_of": ["https"]}, "url_length": {"max": 10}})
        assert verdicts(PHOTO, silent, self.DATA) == ("fail", ["scheme_unsupported"])

    def test_the_declared_type_is_judged(self) -> None:
        strict = {"content_type": {"any_of": ["image/jpeg"]}, "content_type_matches": {"any_of": [True]}}
        ruleset = rules(image={}, data_uri={"kinds": ["image"]}, url=strict)
        declared = self.DATA._replace(content_type_matches=False)
        assert verdicts(PHOTO, ruleset, declared)[1] == ["content_type_unsupported", "content_type_mismatch"]


class TestDroppedCodes:
    """Findings of dropped codes do not count, unless nothing was read of the file."""

    MINE = rules(image={"width": {"max": 600}, "format": {"any_of": ["png"]}})

    def drop(self, media: Media | None, *dropped: str, **options: Any) -> list[str]:
        return codes(judge(media, self.MINE, dropped=frozenset(dropped), **options))

    def test_only_findings_of_the_dropped_code_are_dropped(self) -> None:
        assert self.drop(PHOTO) == ["width_too_large", "format_unsupported"]
        assert self.drop(PHOTO, "width_too_large") == ["format_unsupported"]
        assert self.drop(PHOTO, "format_unsupported", "width_too_large") == []

    def test_nothing_is_dropped_where_no_media_was_read(self) -> None:
        problem = Problem("permission_denied", "x")
        assert self.drop(None, "permission_denied", problem=problem) == ["permission_denied"]
        assert self.drop(Media(format="zip", size=9), "format_unsupported") == ["format_unsupported"]

    def test_an_unknown_fact_counts_unless_every_code_that_it_may_hide_is_dropped(self) -> None:
        unread = PHOTO._replace(format="png", width=None)
        assert self.drop(unread) == ["fact_unknown"]
        assert self.drop(unread, "width_too_large") == ["fact_unknown"]
        assert self.drop(unread, "width_too_large", "width_too_small") == ["fact_unknown"]
        assert self.drop(unread, "width_too_large", "width_too_small", "value_not_accepted") == []
        assert self.drop(unread, "fact_unknown") == []
        assert self.drop(unread, "height_too_small") == ["fact_unknown"]

    def test_other_findings_are_kept_where_unknown_facts_are_dropped(self) -> None:
        assert self.drop(PHOTO._replace(format=None), "fact_unknown") == ["width_too_large"]


class TestCameraRaws:
    """A camera raw is judged as a whole only where its format is listed."""

    RAW = PHOTO._replace(format="nef", width=6000)
    LISTED = rules(image={"width": {"max": 600}, "format": {"any_of": ["nef", "png"]}})
    UNLISTED = rules(image={"width": {"max": 600}, "format": {"any_of": ["png"]}})
    SILENT = rules(image={"width": {"max": 600}})

    def test_limits_hold_where_the_format_is_listed(self) -> None:
        assert codes(judge(self.RAW, self.LISTED)) == ["width_too_large"]

    def test_only_the_format_counts_where_it_is_not_listed(self) -> None:
        assert codes(judge(self.RAW, self.UNLISTED)) == ["format_unsupported"]
        dropped = frozenset(("format_unsupported",))
        assert codes(judge(self.RAW, self.UNLISTED, dropped=dropped)) == ["width_too_large"]
        assert codes(judge(self.RAW, self.UNLISTED, dropped=frozenset(("width_too_small",)))) == ["format_unsupported"]

    def test_it_is_reported_where_no_format_is_listed(self) -> None:
        assert codes(judge(self.RAW, self.SILENT)) == ["camera_raw"]
        assert codes(judge(self.RAW, self.SILENT, dropped=frozenset(("camera_raw",)))) == ["width_too_large"]
        assert codes(judge(self.RAW, self.SILENT, dropped=frozenset(("width_too_small",)))) == ["camera_raw"]


class TestNotesOfLimits:
    """A limit's note belongs to the side that its tolerance widens."""

    @staticmethod
    def messages(line: dict[str, Any], value: float, basis: str = "published") -> str:
        ruleset = compile_ruleset("mine", {**HEAD, "basis": basis, "video": {"duration": {**line, "note": "why"}}})
        return judge(CLIP._replace(duration=value), ruleset).findings[0].message

    @each_row(
        ("line", "value", "noted"),
        [
            ({"min": 2, "max": 15}, 1.0, True),
            ({"min": 2, "max": 15}, 16.0, True),
            ({"min": 2, "max": 15, "lenient": {"max": 16}}, 1.0, False),
            ({"min": 2, "max": 15, "lenient": {"max": 16}}, 15.5, True),
            ({"min": 2, "max": 15, "lenient": {"max": 16}}, 17.0, True),
            ({"min": 2, "max": 15, "lenient": {"min": 1}}, 1.5, True),
            ({"min": 2, "max": 15, "lenient": {"min": 1}}, 16.0, False),
            ({"min": 2, "below": 15, "lenient": {"max": 15}}, 15.0, True),
            ({"above": 2, "max": 15, "lenient": {"min": 2}}, 2.0, True),
            ({"above": 2, "max": 15, "lenient": {"min": 2}}, 16.0, False),
        ],
    )
    def test_note_is_given_for_the_side_that_it_is_about(self, line: dict[str, Any], value: float, noted: bool) -> None:
        assert ("(why)" in self.messages(line, value)) is noted

    def test_assumed_rule_sets_give_no_notes(self) -> None:
        assert "(why)" not in self.messages({"max": 4}, 5.0, basis="assumed")

    def test_note_on_a_list_is_always_given(self) -> None:
        line = {"any_of": ["mp4"], "lenient": {"any_of": ["mp4", "mov"]}, "note": "why"}
        assert "(why)" not in accepted(compile_limit("format", line))
        result = judge(CLIP._replace(format="mkv"), rules(video={"video_codec": {"any_of": ["hevc"], "note": "why"}}))
        assert result.findings[0].fact == "video_codec"


class TestValuesInMessages:
    def test_size_of_the_picture_is_shown_beside_its_pixels_and_ratio(self) -> None:
        for fact, line in (("pixels", {"max": 9}), ("aspect_ratio", {"max": 0.1})):
            assert "(1280×720)" in judge(CLIP, rules(video={fact: line})).findings[0].message
        assert "1280" not in judge(CLIP, rules(video={"height": {"max": 9}})).findings[0].message

    @each_row(("seconds", "words"), [(-1.0, "expired 1 s ago"), (0.0, "expires in 0 s"), (5.0, "expires in 5 s")])
    def test_expiry_is_shown_as_past_or_future(self, seconds: float, words: str) -> None:
        message = judge(PHOTO, ATLAS, delivery=URL._replace(expires_in=seconds)).findings[0].message
        assert message.startswith(f"the URL {words}")

    def test_a_value_at_an_open_bound_is_called_excluded(self) -> None:
        above = judge(CLIP._replace(duration=2.0), rules(video={"duration": {"above": 2}})).findings[0].message
        assert above == "duration 2 s: exactly the 2 s that Mine publishes as excluded"
        below = judge(CLIP._replace(duration=1.0), rules(video={"duration": {"above": 2}})).findings[0].message
        assert below == "duration 1 s: below the 2 s that Mine accepts"

    def test_truncation_is_the_reason_of_an_unknown_fact_only_where_it_was_noted(self) -> None:
        mine = rules(image={"width": {"max": 600}})
        unread = PHOTO._replace(width=None)
        assert judge(unread, mine).findings[0].message == "width could not be read: Mine accepts at most 600 px"
        cut = judge(unread._replace(notes=("truncated",)), mine).findings[0]
        assert cut.message == "width could not be read (the file is cut off): Mine accepts at most 600 px"

    @each_row(
        ("media", "message"),
        [
            (Media(size=0), "the file is empty"),
            (Media(size=1), "the content has no format that preflight recognizes"),
            (Media(size=None), "the content has no format that preflight recognizes"),
        ],
    )
    def test_an_empty_file_is_told_from_an_unknown_format(self, media: Media, message: str) -> None:
        assert judge(media, ATLAS).findings[0].message == message

    def test_hints_are_computed_only_for_findings_on_the_file(self) -> None:
        unpublished = judge(PHOTO, ATLAS, delivery=URL._replace(public=False))
        assert [one.hint for one in unpublished.findings] == [None]


@each_row(
    ("failing", "start"),
    [(["a"], " a"), (["a", "b"], "s a and b"), (["a", "b", "c"], "s a, b and c")],
)
def test_variants_that_fail_are_counted_in_words(failing: list[str], start: str) -> None:
    finding = fails_in_variants(failing, catalog.load("kling"))
    assert f"fails in the variant{start}: choose one, such as kling:" in finding.message
