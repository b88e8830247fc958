package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"path/filepath"
	"strings"
	"testing"
)

// TestGreyIsAsInPillow where a weight's last digit decides: Pillow gives
// (201×19595 + 38470 + 244×7471 + 2^15) / 2^16, rounded down.
func TestGreyIsAsInPillow(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 1, 1))
	m.SetNRGBA(0, 0, color.NRGBA{201, 1, 244, 255})
	if got := spreadPixels(m, Shape{1, 1, 1}, "png")[0]; got != 89 {
		t.Errorf("grey %d, want 89", got)
	}
}

// TestPicturesAreAsInTorchvision compares with what testdata/pictures.py wrote.
func TestPicturesAreAsInTorchvision(t *testing.T) {
	var want struct {
		Exact map[string]string
		Close map[string][]int
	}
	if err := json.Unmarshal(read(t, "testdata/pictures/expected.json"), &want); err != nil {
		t.Fatal(err)
	}
	if len(want.Exact) < 40 || len(want.Close) < 9 {
		t.Fatalf("%d and %d pictures", len(want.Exact), len(want.Close))
	}
	for key, sum := range want.Exact {
		var name string
		var size int
		fmt.Sscan(key, &name, &size)
		pixels, err := decodePicture(read(t, filepath.Join("testdata/pictures", name)), Shape{size, size, 3})
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got := sha256.Sum256(pixels); hex.EncodeToString(got[:]) != sum {
			t.Errorf("%s: pixels differ from torchvision's", key)
		}
	}
	// JPEG and lossy WebP leave to the decoder how it rounds.
	for name, pixels := range want.Close {
		got, err := decodePicture(read(t, filepath.Join("testdata/pictures", name)), Shape{8, 8, 3})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for i, v := range pixels {
			if d := int(got[i]) - v; d < -3 || d > 3 {
				t.Errorf("%s: value %d is %d, torchvision has %d", name, i, got[i], v)
				break
			}
		}
	}
}

func TestOddPicturesAreRefused(t *testing.T) {
	png := read(t, "testdata/pictures/rgb.png")
	huge := []byte(string(png[:16]) + "\x00\x01\x00\x00\x00\x01\x00\x00" + string(png[24:])) // 65536×65536
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "not a PNG, JPEG"},
		{"text", []byte("hello"), "not a PNG, JPEG"},
		{"truncated", png[:len(png)/2], "damaged"},
		{"truncated head", png[:20], "damaged"},
		{"head's sum", huge, "damaged"},
		{"large", []byte("BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01\x00\x18\x00" + strings.Repeat("\x00", 24)), "megapixels"},
	} {
		if _, err := decodePicture(c.file, Shape{32, 32, 3}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func FuzzPicture(f *testing.F) {
	for _, name := range []string{"rgb.png", "palette.gif", "rgb.bmp", "lossless.webp", "lossy.webp", "turned6.jpg"} {
		f.Add(read(f, "testdata/pictures/"+name))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if isLarge(b) {
			t.Skip() // it takes long and shows nothing new
		}
		if pixels, err := decodePicture(b, Shape{8, 9, 1}); err == nil && len(pixels) != 72 {
			t.Errorf("%d pixels", len(pixels))
		}
	})
}
