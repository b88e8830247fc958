package ui

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/muesli/termenv"

	"espalier/ui/internal/sample"
	"espalier/ui/theme"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// Golden frames show the screen in every layout and in four tiers of glyphs and
// colours, and at one size every pane and overlay. Run with -update to accept a change, and look at it.
func TestGoldenFrames(t *testing.T) {
	type frame struct {
		name          string
		width, height int
		tier          goldenTier
		finished      bool
		keys          []string
	}
	var frames []frame
	for _, tier := range goldenTiers() {
		for _, s := range [][2]int{{40, 12}, {60, 16}, {80, 24}, {90, 60}, {100, 30}, {120, 36}, {160, 45}, {200, 24}, {200, 60}} {
			frames = append(frames, frame{name: fmt.Sprintf("%s_%dx%d", tier.name, s[0], s[1]), width: s[0], height: s[1], tier: tier})
		}
	}
	first := goldenTiers()[0]
	for name, keys := range map[string][]string{
		"layers": {"2", "j", "j"}, "calibration": {"3", "["}, "scales": {"4", "j", "l", "l"}, "channel": {"4", "j", "enter", "l"}, "activations": {"4", ","},
		"log": {"5", "k", "k"}, "rounds": {"6", "j"}, "cursor": {"h", "H"}, "zoomed": {"z"}, "help": {"?"}, "filter": {"5", "/", "e", "p", "o", "enter"},
	} {
		frames = append(frames, frame{name: "done_" + name, width: 80, height: 24, tier: first, finished: true, keys: keys})
	}
	frames = append(frames,
		frame{name: "live_paused", width: 80, height: 24, tier: first, keys: []string{" "}},
		frame{name: "live_untested", width: 80, height: 24, tier: first, keys: []string{"2", "s", "s", "s", "s", "s"}},
		frame{name: "live_tested", width: 80, height: 24, tier: first, keys: []string{"2", "t", "j"}},
		frame{name: "live_tested_wide", width: 200, height: 60, tier: first, keys: []string{"2", "t"}},
		frame{name: "live_leave", width: 80, height: 24, tier: first, keys: []string{"q"}})
	for _, f := range frames {
		t.Run(f.name, func(t *testing.T) {
			src := during(4, 75)
			if f.finished {
				src = sample.Finished(sample.Journal())
			}
			a := newTestApp(t, src, f.width, f.height)
			a.renderer.SetColorProfile(f.tier.profile)
			useTier(a, f.tier.glyphs)
			press(a, f.keys...)
			checkSize(t, a.View(), f.width, f.height)
			if f.tier.coloured {
				a.setTier(f.tier.glyphs)
				a.stale = true
				a.Update(nil)
			}
			compareGolden(t, filepath.Join("testdata", f.name+".golden"), a.View()+"\n")
		})
	}
}

// A goldenTier is a set of glyphs and of colours that a terminal may have.
type goldenTier struct {
	name     string
	glyphs   theme.Tier
	profile  termenv.Profile
	coloured bool // the frame holds the escape sequences
}

func goldenTiers() []goldenTier {
	return []goldenTier{
		{"live", theme.Braille, termenv.Ascii, false},
		{"lines16", theme.Lines, termenv.ANSI, true},
		{"colour256", theme.Braille, termenv.ANSI256, true},
		{"ascii", theme.ASCII, termenv.Ascii, true}, // bold, faint and reversed, as under NO_COLOR
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("reading a golden frame: %v; write it with: go test ./ui -update", err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (−want +got); accept it with -update:\n%s", file, diff)
	}
}
