"""Readers for camera raws: those built like TIFF, Canon's CR3, and makers' containers of their own."""
