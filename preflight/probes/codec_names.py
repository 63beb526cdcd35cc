"""Translate the codec codes of MP4, AVI and related formats into ffprobe's names, in lower case.

Linear PCM is `pcm` and every ADPCM is `adpcm`: no service distinguishes their variants. Sources: the MP4 registration
authority (mp4ra.org: sample entries, object types), QuickTime File Format (Apple), ISO/IEC 14496-3 table 1.17 (audio
object types); for AVI, Microsoft's registry of 2000 and what encoders have written since.
"""

from __future__ import annotations

from typing import AnyStr, Final

_VIDEO_TYPES: Final = {  # a name whose codes are all among those of Video for Windows is in `_FOURCCS` only
    "aic": b"icod",
    "apv": b"apv1",
    "av1": b"av01 dav1",
    "avs2": b"avst",
    "avs3": b"avs3",
    "bmp": b"WRLE",
    "dvvideo": b"dvc  dvcp dvpp dv5n dv5p dvhp dvhq dvh2 dvh3 dvh4 dvh5 dvh6 AVdv AVd1 dvsd",
    "evc": b"evc1",
    "gif": b"gif ",
    "h264": b"avc1 avc2 avc3 avc4 svc1 svc2 mvc1 mvc2 dva1 dvav H264 h264 X264 x264 VSSH davc 3IVX"
    b" ai5p ai5q ai52 ai53 ai55 ai56 ai1p ai1q ai12 ai13 ai15 ai16 AVin aivx rv64 xalg",
    "hevc": b"hvc1 hev1 hvc2 hev2 hvc3 hev3 lhv1 lhe1 hvt1 dvh1 dvhe HEVC",
    "jpeg2000": b"mjp2 j2ki",
    "jpegxs": b"jxsm",
    "lcevc": b"lvc1",
    "mjpeg": b"jpeg mjpa mjpb mjpg MJPG mjpe AVDJ AVRn dmb1",
    "mpeg1video": b"mpeg m1v  m1v1",
    "mpeg2video": b"m2v1 mp2v mpg2 mx5n mx5p mx4n mx4p mx3n mx3p xd5a xd5b xd5c xd5d xd5e xd5f xd5v xd54 xd55 xd59"
    b" xdv1 xdv2 xdv3 xdv4 xdv5 xdv6 xdv7 xdv8 xdv9 xdva xdvb xdvc xdvd xdve xdvf xdhd xdh2 xmpg"
    b" hdv1 hdv2 hdv3 hdv4 hdv5 hdv6 hdv7 hdv8 hdv9 hdva AVmp",
    "mpeg4": b"mp4v MP4V DIVX XVID 3IV1 3IV2 DX50 FMP4 fmp4 xvid divx",
    "msmpeg4v3": b"3IVD DIV3",
    "png": b"png  MNG ",
    "prores_raw": b"aprn aprh",
    "rawvideo": b"raw  2vuy 2Vuy yuv2 yuvs yuvu UYVY NO16 b16g b48r b64a uncv DVOO IYUV I420",
    "svq1": b"SVQ1 svq1 svqi",
    "theora": b"theo XiTh",
    "tiff": b"tiff",
    "vc1": b"vc-1 ovc1 WVC1",
    "vp8": b"vp08 VP80",
    "vp9": b"vp09 VP90",
    "vvc": b"vvc1 vvi1",
}
_AUDIO_TYPES: Final = {
    "aac": b"aac ",
    "ac3": b"ac-3 AC-3 sac3",
    "ac4": b"ac-4",
    "adpcm": b"ima4",
    "alac": b"alac",
    "alaw": b"alaw",
    "amr": b"samr sawb sawp",
    "dts": b"dtsc dtsh dtsl dtse dtsx dtsy dts+ dts- DTS ",
    "eac3": b"ec-3 ec+3",
    "evrc": b"sevc evrc secb secn",
    "flac": b"fLaC",
    "gsm": b"agsm GSM ",
    "iamf": b"iamf",
    "mace": b"MAC3 MAC6",
    "mp2": b".mp2",
    "mp3": b".mp3 mp3 ",
    "mpegh_3d_audio": b"mha1 mha2 mhm1 mhm2",
    "mulaw": b"ulaw",
    "nellymoser": b"nmos",
    "opus": b"Opus",
    "pcm": b"raw  NONE sowt twos in24 42ni in32 23ni fl32 lf32 fl64 lf64 lpcm ipcm fpcm s16l \0\0\0\0",
    "qcelp": b"sqcp Qclp Qclq",
    "qdm2": b"QDM2 QDMC QDCA",
    "smv": b"ssmv",
    "speex": b"spex SPXN",
    "truehd": b"mlpa",
    "vorbis": b"vorb XiVs",
    "wma": b"wma  owma",
}


def _by_code(table: dict[str, AnyStr]) -> dict[AnyStr, str]:
    """Return the names by code; the codes of a name have four characters each and are separated by one more."""
    return {codes[at : at + 4]: name for name, codes in table.items() for at in range(0, len(codes), 5)}


def by_lower_case(names: str, prefix: str = "") -> dict[str, str]:
    """Return our names by those that differ only in case and in a `prefix`."""
    return {prefix + name: name.lower() for name in names.split()}


VIDEO_ENTRIES: Final = _by_code(_VIDEO_TYPES)
AUDIO_ENTRIES: Final = _by_code(_AUDIO_TYPES)
"""Codecs by sample entry type."""

VIDEO_OBJECT_TYPES: Final = {
    0x20: "mpeg4",
    0x21: "h264",
    0x23: "hevc",
    **dict.fromkeys(range(0x60, 0x66), "mpeg2video"),
    0x6A: "mpeg1video",
    0x6C: "mjpeg",
    0x6D: "png",
    0x6E: "jpeg2000",
    0xA3: "vc1",
    0xB1: "vp9",
}
"""objectTypeIndication of ISO/IEC 14496-1 7.2.6.6 in an `mp4v` entry."""

AUDIO_OBJECT_TYPES: Final = {
    0x40: "aac",
    **dict.fromkeys(range(0x66, 0x69), "aac"),
    0x69: "mp3",
    0x6B: "mp3",
    0xA0: "evrc",
    0xA1: "smv",
    0xA5: "ac3",
    0xA6: "eac3",
    **dict.fromkeys(range(0xA9, 0xAD), "dts"),
    0xAD: "opus",
    0xAE: "ac4",
    0xDD: "vorbis",
    0xE1: "qcelp",
}
"""objectTypeIndication in an `mp4a` entry. 0x69 and 0x6B name all layers of MPEG audio; in MP4 it is layer III."""

MPEG4_AUDIO_CODECS: Final = {32: "mp1", 33: "mp2", 34: "mp3", 36: "mp4als", 37: "mp4sls", 38: "mp4sls", 42: "xhe_aac"}
"""audioObjectType of MPEG-4 audio (0x40) that is not one of the AAC family."""

STILL_CODECS: Final = frozenset(("bmp", "gif", "jpeg2000", "mjpeg", "png", "targa", "tiff"))
"""Codecs of still images: a track of one of them with a single sample is a cover or a thumbnail."""


def sample_entry_codec(fourcc: bytes, table: dict[bytes, str]) -> str | None:
    """Return the codec of a sample entry type; a type that `table` lacks is its own name if it is a word, else None.

    QuickTime adopts the codes of Windows: those of video unchanged, and format tags of audio after `ms`.
    """
    name = table.get(fourcc)
    if name is None and table is VIDEO_ENTRIES:
        name = fourcc_codec(fourcc)
    elif name is None and fourcc[:2] == b"ms":
        name = FORMAT_TAGS.get(int.from_bytes(fourcc[2:]))
    if name is None:
        word = fourcc.decode("latin-1").strip()
        name = word.lower() if word.isascii() and word.replace("-", "").isalnum() else None
    return name


_NAMED_BY_CODE: Final = (
    "asv1 asv2 avs2 ayuv cfhd ffv1 flv1 h261 r210 snow svq1 svq3 tscc v210 v308 v408 v410 wmv1 wmv2 wmv3 y41p zlib zmbv"
)
_FOURCCS: Final = {
    **{name: name.upper() for name in _NAMED_BY_CODE.split()},
    "av1": "AV01",
    "cinepak": "CVID",
    "dirac": "DRAC",
    "dnxhd": "AVDH AVDN",
    "dvvideo": "DVSD DVHD DVSL DV25 DV50 DVC  DVCP DVIS CDVC",
    "ffvhuff": "FFVH",
    "fraps": "FPS1",
    "h263": "H263 U263 VIVO X263 S263 I263 M263 L263",
    "h264": "H264 X264 AVC1 DAVC VSSH Q264 SMV2",
    "hap": "HAP1 HAP5 HAPA HAPM HAPY",
    "hevc": "HEVC H265 HEV1 HVC1",
    "huffyuv": "HFYU",
    "indeo2": "RT21",
    "indeo3": "IV31 IV32",
    "indeo4": "IV41",
    "indeo5": "IV50",
    "jpeg2000": "MJ2C LJ2C LJ2K IPJ2 MJP2",
    "jpegls": "MJLS",
    "lagarith": "LAGS",
    "magicyuv": "MAGY M8RG M8RA M8G0 M8Y0 M8Y2 M8Y4",
    "mjpeg": "MJPG AVRN JPEG MJPA ACDV QIVG SLMJ CJPG AVDJ DMB1",
    "mpeg1video": "MPG1 PIM1 MPEG",
    "mpeg2video": "MPG2 MP2V M2V1 EM2V MMES HDV2",
    "mpeg4": "FMP4 DIVX DX50 XVID MP4S M4S2 MP4V 3IV2 BLZ0 RMP4 SEDG SMP4 UMP4 WV1F XVIX DM4V M4CC HDX4 QMP4 SIPP XVIZ"
    " DXGM DVX1 DVX2 DIV1 PM4V NDIG UDIV",
    "msmpeg4v1": "MPG4 MP41",
    "msmpeg4v2": "MP42 DIV2",
    "msmpeg4v3": "MP43 DIV3 DIV4 DIV5 DIV6 MPG3 AP41 COL1 COL0 DVX3 SAN3",
    "msrle": "MRLE",
    "msvideo1": "MSVC CRAM WHAM",
    "png": "MPNG PNG1 PNG ",
    "prores": "APCH APCN APCS APCO AP4H AP4X",
    "qtrle": "RLE ",
    "rawvideo": "RGB  RAW  DIB  I420 IYUV YV12 YUY2 YUYV UYVY YVYU Y800 Y422 HDYC NV12 NV21 YVU9",
    "rpza": "RPZA AZPR",
    "smc": "SMC ",
    "speedhq": "SHQ0 SHQ1 SHQ2 SHQ3 SHQ4 SHQ5 SHQ7 SHQ9",
    "targa": "TGA ",
    "theora": "THEO",
    "utvideo": "ULRG ULRA ULY0 ULY2 ULY4 ULH0 ULH2 ULH4 UQY2 UQRG UQRA",
    "vc1": "WVC1 WMVA",
    "vp3": "VP31 VP30",
    "vp5": "VP50",
    "vp6": "VP60 VP61 VP62 VP6F",
    "vp8": "VP80",
    "vp9": "VP90",
    "vvc": "VVC1",
}
FOURCCS: Final = _by_code(_FOURCCS)
"""Codecs by the four-character code of Video for Windows, in upper case: case does not matter there."""
_NUMBERED_CODECS: Final = {0: "rawvideo", 1: "msrle", 2: "msrle", 3: "rawvideo"}
"""biCompression of a BITMAPINFOHEADER where it is a number: BI_RGB, BI_RLE8, BI_RLE4, BI_BITFIELDS."""


def fourcc_codec(code: bytes) -> str | None:
    """Return the codec of the four bytes of `biCompression` or `fccHandler`."""
    return _NUMBERED_CODECS.get(int.from_bytes(code, "little")) or FOURCCS.get(code.decode("latin-1").upper())


_FORMAT_TAGS: Final = {
    "aac": (0x00FF, 0x1600, 0x1610),
    "ac3": (0x0092, 0x2000),  # the first in S/PDIF frames
    # Microsoft, OKI, IMA and DVI, Antex G.723, OKI, Yamaha, G.726
    # Duck DK4 and DK3, G.726, Xbox IMA, Creative, G.722, Shockwave
    "adpcm": (
        *(0x0002, 0x0010, 0x0011, 0x0014, 0x0017, 0x0020, 0x0045),
        *(0x0061, 0x0062, 0x0064, 0x0069, 0x0200, 0x028F, 0x5346),
    ),
    "alaw": (0x0006,),
    "atrac3": (0x0270,),
    "dts": (0x2001,),
    "flac": (0xF1AC,),
    "g723_1": (0x0042, 0x00A1),
    "gsm_ms": (0x0031, 0x0032, 0x1500),
    "mp2": (0x0050,),
    "mp3": (0x0055,),
    "mulaw": (0x0007, 0x6C75),
    "opus": (0x704F,),
    "pcm": (0x0001, 0x0003),  # integers, floating point
    "speex": (0xA109,),
    "vorbis": (0x566F, 0x674F, 0x6750, 0x6751, 0x676F, 0x6770, 0x6771),
    "wmalossless": (0x0163,),
    "wmapro": (0x0162,),
    "wmav1": (0x0160,),
    "wmav2": (0x0161,),
}
FORMAT_TAGS: Final = {tag: name for name, tags in _FORMAT_TAGS.items() for tag in tags}
"""Codecs by the format tag (`wFormatTag`) of WAVEFORMATEX (RFC 2361, and what encoders have written since)."""
