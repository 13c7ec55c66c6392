"""More than 300 odd files and names, made anew: whatever people have in folders of pictures."""

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "bmp": "BMP", "webp": "WEBP", "tif": "TIFF", "TIFF": "TIFF"}
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "YCbCr", "LAB")
NAMES = (
    *("=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' C'!A0", "\t=1", "\r=1", "a\nb", "a\rb", "a\u2028b", "a\x85b", "a\x0bb", "a\x1cb"),
    *("a\tb", " a", "a ", "a'\"b", "a,b", "a;b", "\x1b[31mred", "\x1b]0;title\x07", "\x07bell", "\u202eltr", "ä", "a\u0308"),
    *("日本", "\U0001f600", "\U000e0041", "%s", "{0}", "$HOME", "`id`", "<script>alert(1)<", "&amp;", "#", "?", "*", "~"),
    *("a" * 240, "..a", "a..", "a.png", "-rf", "--help", "\\", "C:\\x", "\x7f", "\ufeff", "\u200b", "'", '"', "|", "!"),
)
SHAPES = ((1, 1), (1, 3000), (3000, 1), (2, 400), (400, 2), (7, 7), (3000, 20), (600, 601))
BAD = ("", "<svg/>", "not a picture", "GIF89a", "\x89PNG\r\n\x1a\n", "BM", "II*\x00", "RIFF\x00\x00\x00\x00WEBP", "\x00" * 4000)


def encoded(seed: int, form: str, mode: str = "RGB") -> bytes:
    """A picture of noise as a file's bytes, every seed another."""
    noise = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 20, 3), dtype=np.uint8))
    file = io.BytesIO()
    if mode == "LAB":
        noise = Image.frombytes("LAB", noise.size, noise.tobytes())
    elif mode.startswith(("I", "F")):
        noise = Image.fromarray(np.asarray(noise.convert("L")).astype({"I;16": "uint16", "I": "int32", "F": "float32"}[mode]))
    else:
        noise = noise.convert(mode)
    noise.save(file, form)
    return file.getvalue()


def odd_folder(place: Path) -> int:
    """Fill a folder; returns how many entries that are no folders it and its folders hold."""
    files: dict[str, bytes] = {}
    for seed, (suffix, form) in enumerate(FORMATS.items()):
        whole = encoded(seed, form)
        for eighth in range(1, 8):
            files[f"cut/{suffix}{eighth}.{suffix}"] = whole[: len(whole) * eighth // 8]
        for at in (4, 20, 60, 200):
            files[f"garbled/{suffix}{at}.{suffix}"] = whole[:at] + b"\xff\x00\xaa" * 12 + whole[at + 36 :]
        for other in FORMATS:
            files[f"named/{suffix}.{other}"] = whole + other.encode()  # bytes after the end are nobody's business
        for number, mode in enumerate(MODES):
            try:
                files[f"modes/{suffix}{number}.{suffix}"] = encoded(seed + 50 * number, form, mode)
            except OSError:  # the format has no such mode
                continue
    for seed, name in enumerate(NAMES):
        files[f"names/{name}.png"] = encoded(1000 + seed, "PNG")
    for number, text in enumerate(BAD):
        for suffix in ("png", "jpg", "tif"):
            files[f"bad/{number}.{suffix}"] = text.encode("latin-1")
    for suffix in ("gif", "heic", "svg", "txt", "db", "PNG.bak", "zip"):
        files[f"other/x.{suffix}"] = b"x"
    for number, (width, height) in enumerate(SHAPES):
        noise = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(noise).save(file := io.BytesIO(), "PNG")
        files[f"shapes/{number}.png"] = file.getvalue()
    bomb = encoded(0, "BMP")
    files["shapes/bomb.bmp"] = bomb[:18] + (60000).to_bytes(4, "little") * 2 + bomb[26:]  # 10 GB by its head
    deep = "/".join(["deeper"] * 30)
    files |= {"other/nothing": b"", ".hidden.png": b"", ".cache/1.png": b"", f"{deep}/1.png": encoded(5, "PNG")}
    files |= {"masks/1.png": encoded(1, "PNG"), "m/1_gt.png": b""}
    files |= {f"many/{number}.jpg": encoded(2000 + number, "JPEG") for number in range(20)}
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    (place / "nowhere.png").symlink_to(place / "no such file")
    (place / "itself.png").symlink_to(place / "itself.png")
    (place / "loop").symlink_to(place)
    (place / "names/linked.jpg").symlink_to(place / "named/jpg.jpg")
    (place / "folder.png").mkdir()
    (place / "empty").mkdir()
    os.mkfifo(place / "pipe.png")
    Path(os.fsdecode(os.fsencode(place / "names") + b"/\xff\xfe.png")).write_bytes(encoded(7, "PNG"))
    return sum(len(inside) for _, _, inside in os.walk(place)) + 1  # os.walk takes the link to a folder for a folder
