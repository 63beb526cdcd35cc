"""ffmpeg changes and decodes one file: any name, no other file, progress, and one sentence for each failure."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from preflight.errors import FfmpegError, OutputError, Stopped
from preflight.fixer import ffmpeg
from preflight.fixer.ffmpeg import (
    Ffmpeg,
    FfmpegOutput,
    FileProgress,
    decode_fully,
    execute_ffmpeg,
    find_ffmpeg,
    input_args,
    output_args,
)
from preflight.formats import AUDIO, DEMUXERS, FORMATS, VIDEO
from tests.conftest import ROOT
from tests.fixer.programs import children, ffmpeg_at, pid_in, program, runs, until

UNDECODABLE = os.fsdecode(b"\xff\xfe.mp4")
NAMES = [
    "concat:a|b.mp4",
    'a\nb it\'s "quoted" %d-%05d \x1b[31mü.mp4',
    pytest.param(UNDECODABLE, id="undecodable"),
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in (
            "-x.mp4",
            "a\nb.mp4",
            'it\'s "quoted".mp4',
            "%d-%05d.mp4",
            "file:x.mp4",
            "\x1b[31m.mp4",
            "ü é.mp4",
        )
    ),
]
SOON = 5.0
"""s; it takes some milliseconds, but the machine that runs the tests may be busy with others."""


@pytest.fixture(scope="module")
def real() -> Ffmpeg:
    if shutil.which("ffmpeg") is None:
        pytest.skip("no ffmpeg on PATH")
    return find_ffmpeg()


@pytest.fixture(scope="module")
def clip(real: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of a second with audio."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    sources = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=1:r=10", "-f", "lavfi", "-i", "sine=d=1"]
    execute_ffmpeg(
        real,
        [*sources, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", *output_args(str(path), "mp4")],
        timeout=30,
    )
    return path


def copied(clip: Path | str, result: Path, muxer: str = "mp4") -> list[str]:
    return [*input_args(str(clip), "mov"), "-c", "copy", *output_args(str(result), muxer)]


class TestWithFfmpeg:
    def test_progress_ends_with_the_whole_video(self, real: Ffmpeg, clip: Path, tmp_path: Path) -> None:
        seen: list[FileProgress] = []
        result = tmp_path / "result.mp4"
        words = [*input_args(str(clip), "mov"), *output_args(str(result), "mp4")]
        run = execute_ffmpeg(
            real, words, duration=1.0, on_progress=seen.append, timeout=30, output=FfmpegOutput(str(result))
        )
        assert seen
        assert seen[-1] is run.progress
        assert seen[-1].fraction == pytest.approx(1.0, abs=0.05)
        assert seen[-1].remaining == pytest.approx(0.0, abs=0.1)
        assert seen[-1].speed
        assert seen[-1].size == pytest.approx(result.stat().st_size, rel=0.2)
        assert run.lines == ()

    @pytest.mark.parametrize("name", NAMES)
    def test_file_may_have_any_name(self, real: Ffmpeg, clip: Path, tmp_path: Path, name: str) -> None:
        source, result = tmp_path / "in" / name, tmp_path / "out" / name
        for path in (source, result):
            path.parent.mkdir()
        shutil.copy(clip, source)
        execute_ffmpeg(real, copied(source, result), timeout=30, output=FfmpegOutput(str(result)))
        assert os.listdir(result.parent) == [name]
        assert decode_fully(real, str(result), "mp4", timeout=30) is None

    def test_relative_path_means_the_current_folder(
        self, real: Ffmpeg, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        shutil.copy(clip, tmp_path / "-i")
        monkeypatch.chdir(tmp_path)
        execute_ffmpeg(real, copied("-i", Path("-o")), timeout=30)
        assert sorted(os.listdir(tmp_path)) == ["-i", "-o"]

    @pytest.mark.parametrize(
        "scheme", ["file:", *(pytest.param(scheme, marks=pytest.mark.slow) for scheme in ("", "concat:"))]
    )
    def test_playlist_that_pretends_to_be_a_video_opens_nothing(
        self, real: Ffmpeg, clip: Path, tmp_path: Path, scheme: str
    ) -> None:
        shutil.copy(clip, tmp_path / "secret.ts")
        playlist = tmp_path / "film.mp4"
        lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:2", "#EXTINF:2,", f"{scheme}{tmp_path}/secret.ts", "#EXT-X-ENDLIST"]
        playlist.write_text("\n".join(lines))
        result = tmp_path / "result.mp4"
        with pytest.raises(FfmpegError, match=r"^ffmpeg failed: "):
            execute_ffmpeg(real, copied(playlist, result), timeout=30)
        assert not result.exists()
        assert decode_fully(real, str(playlist), "mp4", timeout=30)

    def test_reference_to_another_file_is_not_followed(self, real: Ffmpeg, clip: Path, tmp_path: Path) -> None:
        (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{clip}'\n")
        assert decode_fully(real, str(tmp_path / "list.mp4"), "mp4", timeout=30)

    def test_disk_that_is_full_is_an_error_of_the_output(self, real: Ffmpeg, clip: Path) -> None:
        for muxer in ("mp4", "mpegts"):  # ffmpeg 5 ends with code 0 for the second
            output = FfmpegOutput("/dev/full", name="result\n.mp4")
            with pytest.raises(OutputError) as caught:
                execute_ffmpeg(real, copied(clip, Path("/dev/full"), muxer), timeout=30, output=output)
            full = "cannot be written to the end (No space left on device). Free space, or give another path."
            assert str(caught.value) == rf"result\n.mp4 {full}"

    def test_encoder_log_lines_are_not_errors(self, real: Ffmpeg, clip: Path, tmp_path: Path) -> None:
        if "libx265" not in real.encoders:
            pytest.skip("no libx265")
        words = [*input_args(str(clip), "mov"), "-c:v", "libx265", "-preset", "ultrafast"]
        run = execute_ffmpeg(real, [*words, *output_args(str(tmp_path / "x.mp4"), "mp4")], timeout=30)
        assert run.lines == ()
        with pytest.raises(OutputError, match="No space left on device"):
            execute_ffmpeg(
                real, [*words, *output_args("/dev/full", "mp4")], timeout=30, output=FfmpegOutput("/dev/full")
            )
        with pytest.raises(FfmpegError, match=r"^ffmpeg failed: [^x]") as caught:
            execute_ffmpeg(real, [*words, *output_args(str(tmp_path), "mp4")], timeout=30)
        assert "x265" not in str(caught.value)

    def test_result_stays_below_its_maximum_size(self, real: Ffmpeg, clip: Path, tmp_path: Path) -> None:
        result = tmp_path / "result.mp4"
        with pytest.raises(FfmpegError, match=r"^The result would be larger than 4,000 bytes\. ") as caught:
            execute_ffmpeg(real, copied(clip, result), timeout=30, output=FfmpegOutput(str(result), 4000))
        assert caught.value.code == "ffmpeg_output_too_large"
        assert result.stat().st_size <= 4000

    def test_encoder_that_ffmpeg_lacks_is_named(self, real: Ffmpeg, clip: Path, tmp_path: Path) -> None:
        words = [*input_args(str(clip), "mov"), "-c:v", "libnone", *output_args(str(tmp_path / "x.mp4"), "mp4")]
        with pytest.raises(FfmpegError, match=r"^ffmpeg failed: Unknown encoder 'libnone'\. Install ") as caught:
            execute_ffmpeg(real, words, timeout=30)
        assert caught.value.code == "ffmpeg_incomplete"

    def test_cause_of_a_failure_is_named_without_paths(self, real: Ffmpeg, clip: Path, tmp_path: Path) -> None:
        source = tmp_path / "a\nb \x1b[31m.mp4"
        words = [*input_args(str(source), "mov"), *output_args(str(tmp_path / "x.mp4"), "mp4")]
        with pytest.raises(FfmpegError, match=r"^ffmpeg failed: .*No such file or directory\.") as caught:
            execute_ffmpeg(real, words, timeout=30)
        assert str(tmp_path) not in str(caught.value)
        words = [*input_args(str(clip), "mov"), "-vf", "crop=9999:2", *output_args(str(tmp_path / "x.mp4"), "mp4")]
        with pytest.raises(FfmpegError, match=r"^ffmpeg failed: Invalid too big or non positive size for width '9999'"):
            execute_ffmpeg(real, words, timeout=30)

    def test_whole_video_can_be_decoded(self, real: Ffmpeg, clip: Path) -> None:
        seen: list[FileProgress] = []
        found = decode_fully(
            real._replace(threads=1), str(clip), "mp4", duration=1, on_progress=seen.append, timeout=30
        )
        assert found is None
        assert seen[-1].fraction == pytest.approx(1.0, abs=0.05)

    @pytest.mark.parametrize("track", ["a", pytest.param("v", marks=pytest.mark.slow)])
    def test_damage_of_any_track_is_found(self, real: Ffmpeg, clip: Path, tmp_path: Path, track: str) -> None:
        damaged = tmp_path / "damaged.mkv"
        noise = ["-c", "copy", f"-bsf:{track}", "noise=amount=3"]
        words = [*input_args(str(clip), "mov"), *noise, *output_args(str(damaged), "matroska")]
        execute_ffmpeg(real, words, timeout=30)
        found = decode_fully(real, str(damaged), "mkv", timeout=30)
        assert found is not None
        assert found.startswith("ffmpeg ")
        assert found.endswith(".")
        assert str(tmp_path) not in found

    def test_end_that_is_missing_is_found(self, real: Ffmpeg, clip: Path, tmp_path: Path) -> None:
        whole = tmp_path / "whole.mp4"
        execute_ffmpeg(
            real, [*copied(clip, whole)[:-4], "-movflags", "+faststart", *copied(clip, whole)[-4:]], timeout=30
        )
        cut = tmp_path / "cut.mp4"
        cut.write_bytes(whole.read_bytes()[:-3000])
        assert decode_fully(real, str(whole), "mp4", timeout=30) is None
        assert decode_fully(real, str(cut), "mp4", timeout=30)

    def test_file_without_frames_is_not_decoded(self, real: Ffmpeg, clip: Path, tmp_path: Path) -> None:
        empty = tmp_path / "empty.mp4"
        execute_ffmpeg(real, [*input_args(str(clip), "mov"), "-t", "0", *output_args(str(empty), "mp4")], timeout=30)
        assert decode_fully(real, str(empty), "mp4", timeout=30)

    def test_demuxers_are_those_of_ffmpeg(self, real: Ffmpeg) -> None:
        listed = subprocess.run([real.path, "-v", "0", "-demuxers"], capture_output=True, text=True, check=True).stdout
        names = {name for line in listed.splitlines() if line.startswith(" D") for name in line.split()[1].split(",")}
        assert set(DEMUXERS.values()) <= names

    def test_ctrl_c_ends_ffmpeg_within_a_second(self, real: Ffmpeg, tmp_path: Path) -> None:
        result = tmp_path / "endless.avi"
        code = (
            "import sys; from preflight.fixer.ffmpeg import *; engine = find_ffmpeg()\n"
            "execute_ffmpeg(engine, ['-re', '-f', 'lavfi', '-i', 'testsrc', "
            "*output_args(sys.argv[1], 'avi')], timeout=60)"
        )
        command = [sys.executable, "-c", code, str(result)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True) as parent:
            until(result.exists)
            pids = children(parent.pid)
            parent.send_signal(signal.SIGINT)
            sent = time.monotonic()
            assert parent.wait(SOON) == -signal.SIGINT
            assert time.monotonic() - sent < SOON
            assert parent.stderr is not None
            assert parent.stderr.read().splitlines()[-1] == b"KeyboardInterrupt"
        assert pids
        assert not [pid for pid in pids if runs(pid)]


class TestWithoutFfmpeg:
    def test_arguments_come_after_the_safety_options(self, tmp_path: Path) -> None:
        path = program(tmp_path / "ffmpeg", 'printf "%s\\n" "$@" >&2')
        words = execute_ffmpeg(ffmpeg_at(path)._replace(threads=3), ["-map", "a b"], timeout=30).lines
        assert words[:2] == ("-hide_banner", "-nostdin")
        assert words[-6:] == ("-filter_threads", "3", "-filter_complex_threads", "3", "-map", "a b")

    def test_values_that_are_not_known_yet_are_none(self, tmp_path: Path) -> None:
        seen: list[FileProgress] = []
        block = "out_time_us=N/A\\nspeed=N/A\\ntotal_size=N/A\\nprogress=continue\\n"
        early = "out_time_us=-9223372036854775807\\nspeed=   0x\\ntotal_size=48\\nprogress=continue\\n"
        late = "out_time_us=5000000\\nspeed= 2.5x\\ntotal_size=1000\\nprogress=end\\n"
        path = program(tmp_path / "ffmpeg", f"printf '{block}{early}{late}'")
        execute_ffmpeg(ffmpeg_at(path), [], duration=20.0, on_progress=seen.append, timeout=30)
        assert [each._replace(elapsed=0, remaining=None) for each in seen] == [
            FileProgress(None, None, None, None, None, 0),
            FileProgress(None, None, None, 0.0, 48, 0),
            FileProgress(5.0, 0.25, None, 2.5, 1000, 0),
        ]
        assert seen[-1].remaining == pytest.approx(3 * seen[-1].elapsed)

    def test_garbage_instead_of_progress_is_ignored(self, tmp_path: Path) -> None:
        path = program(
            tmp_path / "ffmpeg", "head -c 3000000 /dev/urandom; printf '\\nout_time_us=nan\\nprogress=end\\n'"
        )
        run = execute_ffmpeg(ffmpeg_at(path), [], timeout=30)
        assert run.progress is not None
        assert run.progress.position is None

    def test_program_that_hangs_is_stopped(self, tmp_path: Path) -> None:
        before = children()
        path = program(tmp_path / "ffmpeg", "trap '' TERM; sleep 60")
        with pytest.raises(FfmpegError, match=r"^ffmpeg was stopped after 0\.5 s\. Try again when ") as caught:
            execute_ffmpeg(ffmpeg_at(path), [], timeout=0.5)
        assert caught.value.code == "ffmpeg_timeout"
        assert children() <= before

    def test_program_without_progress_is_stopped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ffmpeg, "STALL_TIMEOUT", 0.3)
        path = program(tmp_path / "ffmpeg", "while :; do printf 'out_time_us=5\\nprogress=continue\\n'; done")
        with pytest.raises(FfmpegError, match=r"^ffmpeg was stopped after 0\.3 s without progress\. "):
            execute_ffmpeg(ffmpeg_at(path), [], timeout=60)

    def test_stop_ends_it(self, tmp_path: Path) -> None:
        path = program(tmp_path / "ffmpeg", 'echo $$ > "$0.pid"; exec sleep 60')
        stop = threading.Event()
        waiting = threading.Thread(target=lambda: (pid_in(tmp_path / "ffmpeg.pid"), stop.set()))
        waiting.start()
        with pytest.raises(Stopped):
            execute_ffmpeg(ffmpeg_at(path), [], timeout=60, stop=stop, output=FfmpegOutput(str(tmp_path / "x")))
        waiting.join()
        assert not runs(pid_in(tmp_path / "ffmpeg.pid"))

    def test_last_cause_of_many_lines_is_shown(self, tmp_path: Path) -> None:
        script = """yes '[h264 @ 0x5567ab] old complaint' 2> /dev/null | head -c 100000000 >&2
            printf '[out#0/mp4 @ 0x7f] \\033[31mcannot write \\377 to /secret/place/film.mp4\\n' >&2
            printf '[vost#0:0 @ 0x7f] [enc:x @ 0x80] Error while closing encoder\\nConversion failed!\\n' >&2
            exit 234"""
        with pytest.raises(FfmpegError) as caught:
            execute_ffmpeg(ffmpeg_at(program(tmp_path / "ffmpeg", script)), [], timeout=30)
        cause = "\\x1b[31mcannot write � to …"
        assert str(caught.value) == f"ffmpeg failed: {cause}. Check that the file plays, or try another ffmpeg."

    @pytest.mark.parametrize(
        ("script", "how"),
        [
            ("kill -KILL $$", "was killed (SIGKILL), usually because memory ran out"),
            ("kill -SEGV $$", "crashed (SIGSEGV)"),
            ("exit 3", "ended with code 3"),
        ],
    )
    def test_crash_gets_a_sentence(self, tmp_path: Path, script: str, how: str) -> None:
        path = program(tmp_path / "ffmpeg", script)
        with pytest.raises(FfmpegError) as caught:
            execute_ffmpeg(ffmpeg_at(path), [], timeout=30)
        assert str(caught.value) == f"ffmpeg {how}. Check that the file plays."
        decoded = decode_fully(ffmpeg_at(path), "x", "mp4", timeout=30)
        assert decoded == f"ffmpeg {how} while it decoded the file."

    def test_full_disk_between_two_passes_names_the_folder(self, tmp_path: Path) -> None:
        path = program(tmp_path / "ffmpeg", "echo 'ratecontrol: No space left on device' >&2; exit 1")
        with pytest.raises(OutputError, match=rf"^{tmp_path} cannot be written to the end \(No space left on device\)"):
            execute_ffmpeg(ffmpeg_at(path)._replace(folder=str(tmp_path)), [], timeout=30)

    @pytest.mark.parametrize("script", ["exit 0", ": > {output}"])
    def test_success_without_a_result_is_an_error(self, tmp_path: Path, script: str) -> None:
        output = tmp_path / "result.mp4"
        path = program(tmp_path / "ffmpeg", script.format(output=output))
        with pytest.raises(FfmpegError, match=r"^ffmpeg wrote an empty file\. "):
            execute_ffmpeg(ffmpeg_at(path), [], timeout=30, output=FfmpegOutput(str(output)))

    def test_every_format_of_videos_and_audio_files_has_a_demuxer(self) -> None:
        missing = [name for name, each in FORMATS.items() if {VIDEO, AUDIO} & {*each.kinds} and name not in DEMUXERS]
        assert missing == ["musepack", "crm"]  # two versions with a demuxer each; unprocessed sensor data

    def test_format_that_ffmpeg_does_not_read_gets_a_sentence(self) -> None:
        with pytest.raises(FfmpegError, match=r"^ffmpeg does not read zip\. "):
            decode_fully(ffmpeg_at("/none"), "x", "zip", timeout=30)

    def test_file_of_which_nothing_is_decoded_is_not_whole(self, tmp_path: Path) -> None:
        path = program(tmp_path / "ffmpeg", "printf 'out_time_us=0\\nprogress=end\\n'")
        found = decode_fully(ffmpeg_at(path), "x", "mp4", timeout=30)
        assert found == "ffmpeg finds nothing to decode in the file."

    @pytest.mark.parametrize(
        ("line", "code", "is_whole"),
        [
            ("[null @ 0x1] Application provided invalid, non monotonically increasing dts to muxer: 3 >= 2", 0, True),
            ("[mp3 @ 0x1] Cannot read BOM value, input too short", 0, True),
            ("[mp3float @ 0x1] invalid new backstep -1", 0, True),
            ("[mp3float @ 0x1] invalid new backstep -1", 1, False),
            ("[mov @ 0x1] stream 0, offset 0x2231: partial file", 0, False),
        ],
    )
    def test_only_errors_about_frames_count(self, tmp_path: Path, line: str, code: int, is_whole: bool) -> None:
        script = f"echo '{line}' >&2; printf 'out_time_us=5\\nprogress=end\\n'; exit {code}"
        found = decode_fully(ffmpeg_at(program(tmp_path / "ffmpeg", script)), "x", "mp4", timeout=30)
        said = line.partition("] ")[2]
        assert found == (None if is_whole else f"ffmpeg cannot decode all of the file: {said}.")

    def test_decoder_that_ffmpeg_lacks_is_not_a_fault_of_the_file(self, tmp_path: Path) -> None:
        path = program(tmp_path / "ffmpeg", "echo 'Decoder (codec vvc) not found for input stream #0:0' >&2; exit 1")
        with pytest.raises(FfmpegError) as caught:
            decode_fully(ffmpeg_at(path), "x", "mp4", timeout=30)
        assert caught.value.code == "ffmpeg_incomplete"
