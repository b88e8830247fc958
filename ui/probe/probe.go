// Package probe keeps a program that imports Bubble Tea from waiting up to
// five seconds for a terminal's answer before main.
//
// Bubble Tea v1 asks Lip Gloss for the background colour in an init function;
// Lip Gloss sends a query and waits where nobody answers. A background that
// was set before is not asked for. Go initialises packages in the order of
// their import paths as soon as what they import is ready, so this package,
// which imports Lip Gloss alone and whose path sorts before github.com, comes
// between Lip Gloss and Bubble Tea. A test in this folder holds that order.
package probe

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
