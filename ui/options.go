package ui

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"espalier/compress/pipeline"
	"espalier/ui/theme"
)

// Options say how a run is shown. The zero value suits a terminal on standard
// output.
type Options struct {
	Input  io.Reader // keys; nil: standard input
	Output io.Writer // the screen; nil: standard output
	// Theme is "dark" or "light". Empty or "auto" is the last choice, else what
	// $COLORFGBG says, else dark.
	Theme string
	// Glyphs is "braille", "lines" or "ascii". Empty or "auto" is ASCII if the
	// locale or the terminal can show no more, else the last choice, else braille.
	Glyphs string
	// Preferences is a file that the screen remembers theme, glyphs, mouse, bell,
	// smoothing and borders in; empty: nowhere.
	Preferences string
	// NoMouse leaves the mouse to the terminal.
	NoMouse bool
	// Attached says that another process computes the run, so that leaving does
	// not touch it.
	Attached bool
	// Resume is called with a run that is to go on, before the screen
	// leaves with that outcome; nil: none can.
	Resume func(pipeline.Folder)
	// Runs gives access to other runs; nil: the screen shows only this one.
	Runs Runs
	// Computed reports whether a process computes the attached run at this
	// moment; nil: yes.
	Computed func() bool
	// Bell rings the bell and shows news in the window's title when a round or
	// the run ends and the terminal has no focus.
	Bell bool
	// ExportFolder is where exports are written; empty: the working directory.
	ExportFolder string
	// ExitWhenDone leaves the screen as soon as the run is over.
	ExitWhenDone bool
}

// An Outcome is how the user left the screen.
type Outcome int

const (
	Quit      Outcome = iota // the run was over
	Detach                   // the run goes on without a screen
	StopAfter                // the run was asked to end after its round, and did
	StopNow                  // the run was asked to save and end at its step
	Abort                    // end the program at once
	Resume                   // resume a run of the list
)

func (o Outcome) String() string {
	return [...]string{"quit", "detach", "stop after round", "stop now", "abort", "resume"}[o]
}

// mode returns the theme that the options or the environment ask for.
func (o Options) mode() (theme.Mode, error) {
	switch o.Theme {
	case string(theme.Dark), string(theme.Light):
		return theme.Mode(o.Theme), nil
	case "", "auto":
		return environmentMode(os.Getenv("COLORFGBG")), nil
	}
	return "", fmt.Errorf("theme %q: use dark, light or auto", o.Theme)
}

// environmentMode reads the colours that some terminals put into $COLORFGBG as
// "foreground;background": 7 and 9 to 15 are light backgrounds.
func environmentMode(colours string) theme.Mode {
	fields := strings.Split(colours, ";")
	n, err := strconv.Atoi(fields[len(fields)-1])
	if err == nil && (n == 7 || n > 8) {
		return theme.Light
	}
	return theme.Dark
}

// tier returns the glyphs that the options or the environment ask for.
func (o Options) tier() (theme.Tier, error) {
	if o.automatic() {
		if asciiOnly(os.Getenv) {
			return theme.ASCII, nil
		}
		return theme.Braille, nil
	}
	for _, t := range theme.Tiers() {
		if o.Glyphs == string(t) {
			return t, nil
		}
	}
	return "", fmt.Errorf("glyphs %q: use braille, lines, ascii or auto", o.Glyphs)
}

// automatic reports whether the options leave the choice of glyphs to the screen.
func (o Options) automatic() bool { return o.Glyphs == "" || o.Glyphs == "auto" }

// asciiOnly reports whether the environment rules out everything but ASCII: the
// terminal is Linux's console, whose font lacks most glyphs, or the first of
// LC_ALL, LC_CTYPE and LANG that is set (POSIX, 8.2) names a locale without
// UTF-8. If none is set, as in many containers, nothing is ruled out.
func asciiOnly(env func(string) string) bool {
	if env("TERM") == "linux" {
		return true
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(env(name)); locale != "" {
			return !strings.Contains(locale, "utf-8") && !strings.Contains(locale, "utf8")
		}
	}
	return false
}
