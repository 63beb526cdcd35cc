"""What is said of camera raws: they fail under every rule set that does not list them, and the remedy is an export."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from PIL import Image

import preflight
from preflight import catalog
from preflight.checker import plan_for
from preflight.formats import CAMERA_RAW, CAMERA_RAW_EXTENSIONS, FORMATS
from preflight.judge import judge
from preflight.media import Media
from preflight.ruleset import RuleSet, compile_ruleset
from tests.conftest import Run
from tests.rows import each_row

EXPORT = "a camera raw file: export a JPEG"
RAW = Media(kind="image", format="nef", size=20_000_000, width=8000, height=50, notes=("camera_raw",))
FILM = Media(kind="video", format="crm", size=20_000_000, width=8000, height=50, notes=("camera_raw",))


def rules(**sections: dict[str, object]) -> RuleSet:
    head = {"title": "House", "stage": "register", "source": "https://example.com/limits", "as_of": "2026-11-01"}
    return compile_ruleset("house", {**head, "basis": "assumed", **sections})


def said(media: Media, house: RuleSet, **options: object) -> list[tuple[str, str, str | None]]:
    findings = judge(media, house, name="photo.nef", **options).findings  # type: ignore[arg-type]
    return [(one.code, one.severity, one.hint) for one in findings]


@each_row("name", sorted(CAMERA_RAW - {"crm"}))
def test_camera_raw_fails_under_every_builtin_rule_set_that_does_not_list_it(name: str) -> None:
    media = Media(kind="image", format=name, size=1000, width=600, height=400, notes=("camera_raw",))
    for house in map(catalog.load, catalog.current()):
        result = judge(media, house)
        by_format = house.sections["image"].by_fact(None).get("format") if "image" in house.sections else None
        wider = by_format.lenient or by_format if by_format else None
        if wider is not None and name in (wider.any_of or ()):
            assert result.verdict != "fail", house.name
            continue
        assert result.verdict == "fail", house.name
        if "image" in house.sections:
            (finding,) = result.findings
            assert finding.code in ("format_unsupported", "camera_raw")
            assert finding.severity == "error"
            assert re.fullmatch("a camera raw file: export an? (JPEG|PNG)", finding.hint or ""), house.name


def test_format_limit_without_the_raw_gives_the_only_finding() -> None:
    house = rules(image={"format": {"any_of": ["jpeg", "tiff"]}, "width": {"max": 6000}, "size": {"max": "1 MB"}})
    assert said(RAW, house) == [("format_unsupported", "error", EXPORT)]


def test_raw_fails_without_a_format_limit() -> None:
    house = rules(image={"width": {"max": 6000}}, video={"width": {"max": 6000}})
    assert said(RAW, house) == [("camera_raw", "error", EXPORT)]
    assert said(FILM, house) == [("camera_raw", "error", "a camera raw file: export an MP4")]
    (finding,) = judge(RAW, house).findings
    assert finding.message == "format nef: a camera raw file, which House is not known to decode"
    assert said(RAW, rules(image={"aspect_ratio": {"any_of": [1, 160]}})) == [("camera_raw", "error", EXPORT)]


def test_format_limit_that_lists_the_raw_accepts_it() -> None:
    house = rules(image={"format": {"any_of": ["jpeg", "nef"]}, "width": {"max": 6000}})
    assert said(RAW, house) == [("width_too_large", "error", None)]
    assert judge(RAW._replace(width=600), house).verdict == "pass"
    assert said(Media(kind="image", format="dng"), house) == [("format_unsupported", "error", EXPORT)]


@each_row(
    ("accepted", "hint"),
    [
        (["png", "jpeg"], EXPORT),
        (["png", "webp"], "a camera raw file: export a PNG"),
        (["avif"], "a camera raw file: export an AVIF"),
    ],
)
def test_hint_exports_an_accepted_format(accepted: list[str], hint: str) -> None:
    assert said(RAW, rules(image={"format": {"any_of": accepted}})) == [("format_unsupported", "error", hint)]


def test_rule_set_without_images_gives_no_export_hint() -> None:
    assert said(RAW, rules(video={"width": {"max": 6000}})) == [("kind_not_accepted", "error", None)]


@each_row("limits", [{"format": {"any_of": ["jpeg"]}, "width": {"max": 6000}}, {"width": {"max": 6000}}])
def test_ignoring_the_finding_applies_other_limits(limits: dict[str, object]) -> None:
    dropped = frozenset(("camera_raw", "format_unsupported"))
    assert [code for code, _, _ in said(RAW, rules(image=limits), dropped=dropped)] == ["width_too_large"]


def test_folder_of_raws_is_judged_without_skipping_any(tmp_path: Path, fixtures: Path, run: Run) -> None:
    for path in sorted((fixtures / "quirks").glob("raw-*")):
        if path.suffix not in (".tif", ".raw"):
            shutil.copy(path, tmp_path)
    for extension in CAMERA_RAW_EXTENSIONS:
        (tmp_path / f"no-media.{extension}").write_text("words\n")
    count = len(list(tmp_path.iterdir()))
    done = run("check", "--for", "atlas", "--format", "json", str(tmp_path))
    assert done.returncode == 1
    assert f'"files":{count},"skipped":0' in re.sub(r"\s", "", done.stdout)


def test_pre_commit_hook_matches_camera_raws() -> None:
    hook = (Path(__file__).parents[1] / ".pre-commit-hooks.yaml").read_text()
    files = next(line.partition("files: ")[2] for line in hook.splitlines() if "files: " in line)
    for extension in CAMERA_RAW_EXTENSIONS:
        assert re.search(files, f"media/A.{extension.upper()}"), extension


def test_jpeg_with_a_raw_extension_is_a_jpeg(tmp_path: Path, fixtures: Path) -> None:
    path = tmp_path / "photo.NEF"
    shutil.copy(fixtures / "accepted/picture.jpg", path)
    report = preflight.check(path, "atlas")
    assert (report.verdict, [one.code for one in report.findings]) == ("pass", ["extension_mismatch"])


def test_preview_with_a_raw_extension_gets_no_scaling_hint(tmp_path: Path) -> None:
    path = tmp_path / "photo.dng"
    Image.new("RGB", (160, 120)).save(path, "JPEG")
    hints = [one.hint for one in preflight.check(path, "atlas").findings if one.severity == "error"]
    assert hints
    assert all(hint and hint.endswith("export a JPEG from the camera raw file") for hint in hints)


def test_raw_with_a_jpeg_extension_fails_as_a_raw(tmp_path: Path, fixtures: Path) -> None:
    path = tmp_path / "photo.jpg"
    shutil.copy(fixtures / "quirks/raw-nikon.nef", path)
    report = preflight.check(path, "atlas")
    assert [(one.code, one.hint) for one in report.findings] == [
        ("format_unsupported", EXPORT),
        ("extension_mismatch", None),
    ]


def test_deep_adds_nothing_for_camera_raws(fixtures: Path) -> None:
    report = preflight.check(fixtures / "quirks/raw-canon.cr2", "atlas", deep=True)
    assert [one.code for one in report.findings] == ["format_unsupported"]


def test_raw_extensions_belong_to_raw_formats_only() -> None:
    others = {ext for name, known in FORMATS.items() if name not in CAMERA_RAW for ext in known.extensions}
    assert CAMERA_RAW_EXTENSIONS.isdisjoint(others)
    assert plan_for("atlas").rules
