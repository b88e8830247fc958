// Command jpegcopy makes a worse copy of CIFAR-10: every image goes through JPEG
// once more. A network that was trained on one copy and meets the other stands
// where the program's own weights stand when they meet the original images, so
// the two show how many epochs bring a network home.
//
//	go run ./docs/results/jpegcopy 45 FROM TO
//
// FROM and TO are folders of the binary layout (data_batch_1.bin …
// test_batch.bin). The labels and the order stay. 45 is JPEG's quality, 1 to 100.
package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"strconv"
)

// A record is a label and an image, planes of red, green and blue.
const (
	side        = 32
	plane       = side * side
	recordBytes = 1 + 3*plane
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "jpegcopy:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("want three arguments, as 45 FROM TO, and have %d", len(args))
	}
	quality, err := strconv.Atoi(args[0])
	if err != nil || quality < 1 || quality > 100 {
		return fmt.Errorf("quality %q: want 1 to 100", args[0])
	}
	files, err := filepath.Glob(filepath.Join(args[1], "*_batch*.bin"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s has no file like data_batch_1.bin: name the folder of the binary layout", args[1])
	}
	if err := os.MkdirAll(args[2], 0o755); err != nil {
		return err
	}
	for _, file := range files {
		records, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if len(records)%recordBytes != 0 {
			return fmt.Errorf("%s has %d bytes, no whole number of records of %d: get it again", file, len(records), recordBytes)
		}
		for at := 0; at < len(records); at += recordBytes {
			if err := worsen(records[at+1:at+recordBytes], quality); err != nil {
				return fmt.Errorf("record %d of %s: %w", at/recordBytes, file, err)
			}
		}
		if err := os.WriteFile(filepath.Join(args[2], filepath.Base(file)), records, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// worsen passes pixels [3][32][32] through JPEG.
func worsen(pixels []byte, quality int) error {
	picture := image.NewRGBA(image.Rect(0, 0, side, side))
	for i := range plane {
		picture.SetRGBA(i%side, i/side, color.RGBA{pixels[i], pixels[plane+i], pixels[2*plane+i], 255})
	}
	var file bytes.Buffer
	if err := jpeg.Encode(&file, picture, &jpeg.Options{Quality: quality}); err != nil {
		return err
	}
	worse, err := jpeg.Decode(&file)
	if err != nil {
		return err
	}
	for i := range plane {
		c := color.RGBAModel.Convert(worse.At(i%side, i/side)).(color.RGBA)
		pixels[i], pixels[plane+i], pixels[2*plane+i] = c.R, c.G, c.B
	}
	return nil
}
