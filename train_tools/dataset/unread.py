"""Files that can't be taken in, and what to do with them instead: by their names alone."""

from __future__ import annotations

from pathlib import PurePath

# Made by systems beside the pictures; nobody means them, so nobody is told.
JUNK = frozenset(["thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini"])
JUNK_FOLDERS = frozenset(
    [
        "__macosx",
        "@eadir",
        "#recycle",
        "$recycle.bin",
        "__pycache__",
        "lost+found",
    ]
)
PACKED = frozenset(
    [".rar", ".7z", ".zst", ".cab", ".iso", ".ace", ".arj", ".lzh", ".gz", ".bz2", ".xz", ".r00", ".001"]
)
RAW = frozenset(
    [".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf", ".orf", ".rw2", ".pef", ".srw",
     ".x3f", ".3fr", ".iiq", ".raw"]
)  # fmt: skip
PICTURES = frozenset(
    [".psd", ".psb", ".xcf", ".kra", ".clip", ".sai", ".sai2", ".svg", ".ai", ".eps", ".jxl", ".jp2", ".j2k", ".jxr",
     ".tga", ".ico", ".exr", ".hdr", ".dds", ".pcx", ".ppm", ".pgm", ".pnm", ".qoi", ".avif", ".heic", ".heif", ".hif"]
)  # fmt: skip
VIDEOS = frozenset(
    [".mp4", ".webm", ".mov", ".mkv", ".avi", ".m4v", ".wmv", ".flv", ".mpg", ".mpeg", ".ts", ".3gp", ".gifv"]
)
CACHES = frozenset([".npz", ".npy", ".arrow", ".db", ".sqlite", ".lock"])
MODELS = frozenset([".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf"])


# What lies under a picture's name now and then, by how it begins.
OTHER_CONTENT = (
    (b"version https://git-lfs", "it is Git LFS's placeholder for a picture; fetch the file itself"),
    (b"%PDF", "it is a PDF, not a picture; export its pages as PNG"),
    (b"<svg", "it is a drawing (SVG); save it as PNG"),
    (b"<?xml", "it is a drawing (SVG) or other XML; save it as PNG"),
    (b"<", "it is a web page that was saved instead of a picture; download the picture again"),
    (b"PK\x03\x04", "it is a zip; give it that ending"),
    (b"Rar!", "it is a RAR archive; unpack it first"),
)


def other_content(head: bytes) -> str:
    """What a file is that is no picture, and what to do; empty where that can't be told."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((sentence for mark, sentence in OTHER_CONTENT if start.startswith(mark)), "")


def is_junk(name: str) -> bool:
    return name.startswith(".") or name.lower() in JUNK


def is_junk_folder(name: str) -> bool:
    return name.startswith(".") or name.lower() in JUNK_FOLDERS


def is_something_else(path: PurePath) -> bool:
    """By its name alone no picture that is read."""
    return path.suffix.lower() in PACKED | RAW | PICTURES | VIDEOS | CACHES | MODELS


def unread(path: PurePath) -> tuple[str, bool]:
    """Why a file isn't taken in, and whether a person surely wanted it to be."""
    suffix = path.suffix.lower()
    if suffix in PACKED:
        return (
            f"an archive of a kind that isn't opened ({suffix}); unpack it first, or make a zip of it",
            True,
        )
    if suffix in RAW:
        return f"a camera's raw picture ({suffix}); export it as JPEG, PNG or TIFF first", True
    if suffix in PICTURES:
        return f"a picture in a format that isn't read ({suffix}); save it as PNG or JPEG first", True
    if suffix in VIDEOS:
        return f"a video ({suffix}); save the frames that you want as PNG or JPEG first", False
    if suffix in CACHES:
        return f"a cache of another trainer ({suffix}), which isn't needed here", False
    if suffix in MODELS:
        return f"a model, not an image ({suffix})", False
    return f"not an image ({suffix or 'no suffix'})", False
