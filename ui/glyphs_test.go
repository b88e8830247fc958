package ui

import (
	"path/filepath"
	"strings"
	"testing"

	"espalier/ui/theme"
)

func TestLocaleAndTerminalChooseTheGlyphs(t *testing.T) {
	for _, c := range []struct {
		name        string
		environment map[string]string
		flag        string
		want        theme.Tier
	}{
		{"UTF-8", map[string]string{"LANG": "de_DE.UTF-8"}, "", theme.Braille},
		{"utf8", map[string]string{"LANG": "C.utf8"}, "auto", theme.Braille},
		{"nothing set", nil, "", theme.Braille},
		{"LC_ALL=C", map[string]string{"LC_ALL": "C", "LANG": "en_US.UTF-8"}, "", theme.ASCII},
		{"LC_CTYPE before LANG", map[string]string{"LC_CTYPE": "POSIX", "LANG": "en_US.UTF-8"}, "", theme.ASCII},
		{"LC_ALL before LC_CTYPE", map[string]string{"LC_ALL": "en_US.UTF-8", "LC_CTYPE": "C"}, "", theme.Braille},
		{"Latin-1", map[string]string{"LANG": "de_DE.ISO-8859-1"}, "auto", theme.ASCII},
		{"the console of Linux", map[string]string{"TERM": "linux", "LANG": "C.UTF-8"}, "", theme.ASCII},
		{"a flag wins", map[string]string{"LC_ALL": "C", "TERM": "linux"}, "lines", theme.Lines},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG", "TERM"} {
				t.Setenv(name, c.environment[name])
			}
			a := screenWith(t, filepath.Join(t.TempDir(), "screen.yaml"), Options{Glyphs: c.flag})
			if a.scene.tier != c.want {
				t.Errorf("tier %s, want %s", a.scene.tier, c.want)
			}
		})
	}
}

// TestRememberedGlyphsYieldToTheTerminal: braille chosen in one terminal is not
// drawn on another that has none, and is not forgotten there.
func TestRememberedGlyphsYieldToTheTerminal(t *testing.T) {
	t.Setenv("LC_ALL", "C.UTF-8")
	path := filepath.Join(t.TempDir(), "screen.yaml")
	a := screenWith(t, path, Options{})
	press(a, "#")
	if err := a.remember(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LC_ALL", "C")
	b := screenWith(t, path, Options{})
	if b.scene.tier != theme.ASCII {
		t.Errorf("tier %s under LC_ALL=C", b.scene.tier)
	}
	if err := b.remember(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LC_ALL", "C.UTF-8")
	if c := screenWith(t, path, Options{}); c.scene.tier != theme.Lines {
		t.Errorf("the choice is %s after a look without UTF-8, want lines", c.scene.tier)
	}
}

// TestASCIIKeepsMeaning: a range, a tolerance, a power and an arrow read as such
// in ASCII, in every pane and size.
func TestASCIIKeepsMeaning(t *testing.T) {
	for _, c := range []struct {
		keys string
		want []string
	}{
		{"4", []string{"scales 7.8e-4 to 0.0128", "+-0.371", "2^-12"}},
		{"4 enter", []string{"codes to +-0.371"}},
		{"6", []string{"top-1 >= 90.00 %", "270,896 -> "}},
	} {
		a := newTestApp(t, during(4, 75), 200, 60)
		useTier(a, theme.ASCII)
		press(a, strings.Fields(c.keys)...)
		text := a.View()
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("after %s the screen lacks %q:\n%s", c.keys, want, text)
			}
		}
		for _, r := range text {
			if r > 0x7e {
				t.Fatalf("after %s the screen holds %q", c.keys, r)
			}
		}
	}
}
