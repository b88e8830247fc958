"""Writes the pictures in testdata/pictures, and in expected.json what torchvision's
Resize and CenterCrop make of them: SHA-256 of the pixels where decoding is exact,
the pixels themselves where it is not. Needs Debian's python3-torchvision.

    /usr/bin/python3 pictures.py pictures
"""
import hashlib, json, sys
import numpy as np
from PIL import Image, ImageOps
from torchvision import transforms

out = sys.argv[1]
y, x = np.mgrid[0:53, 0:71]
r = (127 + 127 * np.sin(x / 7 + y / 11)).astype(np.uint8)
g = (x * 3 + y) % 256
b = ((x // 9 + y // 7) % 2) * 200 + 20
rgb = Image.fromarray(np.stack([r, g, b], 2).astype(np.uint8), "RGB")
alpha = rgb.copy()
alpha.putalpha(Image.fromarray(((x * 5) % 256).astype(np.uint8)))
smooth = Image.fromarray(np.stack([r, (x * 3).clip(0, 255), (y * 4).clip(0, 255)], 2).astype(np.uint8), "RGB")

rgb.save(f"{out}/rgb.png")
rgb.rotate(90, expand=True).save(f"{out}/tall.png")
alpha.save(f"{out}/alpha.png")
rgb.convert("L").save(f"{out}/grey.png")
rgb.quantize(32).save(f"{out}/palette.png")
rgb.quantize(32).save(f"{out}/palette.gif")
rgb.save(f"{out}/rgb.bmp")
rgb.save(f"{out}/lossless.webp", lossless=True)
smooth.save(f"{out}/lossy.webp", quality=95)
smooth.save(f"{out}/smooth.jpg", quality=95, subsampling=0)
for orientation in range(2, 9):
    exif = Image.Exif()
    exif[0x0112] = orientation
    smooth.resize((24, 16)).save(f"{out}/turned{orientation}.jpg", quality=95, subsampling=0, exif=exif)

exact, close = {}, {}
def fit(name, size):
    m = ImageOps.exif_transpose(Image.open(f"{out}/{name}")).convert("RGB")
    m = transforms.CenterCrop(size)(transforms.Resize(size)(m))
    return np.asarray(m).transpose(2, 0, 1)
for name in ["rgb.png", "tall.png", "alpha.png", "grey.png", "palette.png", "palette.gif", "rgb.bmp", "lossless.webp"]:
    for size in [8, 15, 32, 53, 96]:
        exact[f"{name} {size}"] = hashlib.sha256(fit(name, size).tobytes()).hexdigest()
for name in ["lossy.webp", "smooth.jpg"] + [f"turned{o}.jpg" for o in range(2, 9)]:
    close[name] = fit(name, 8).flatten().tolist()
json.dump({"exact": exact, "close": close}, open(f"{out}/expected.json", "w"))
