"""Read what a video codec's configuration states about its pictures: profile, level, bit depth, chroma, color, scan.

Each module reads the records of one codec, wherever a container has them (`avcC` in MP4, CodecPrivate in Matroska):

    h264    AVCDecoderConfigurationRecord, sequence parameter sets
    hevc    HEVCDecoderConfigurationRecord, sequence parameter sets
    vvc     VvcDecoderConfigurationRecord
    av1     AV1CodecConfigurationRecord, sequence headers
    vp9     VPCodecConfigurationRecord, headers of key frames
    mpeg4   headers of visual objects (MPEG-4 part 2)
    mpeg2   sequence headers and extensions (MPEG-1, MPEG-2)
    frames  headers of frames, for codecs without parameter sets
    fixed   no record: the sample formats of codecs that have only one

A record that ends early or holds impossible values gives what precedes the fault.
"""
