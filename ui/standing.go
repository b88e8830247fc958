package ui

import (
	"fmt"
	"strings"

	"espalier/compress/pipeline"
	"espalier/ui/grid"
	"espalier/ui/theme"
)

// tone returns the mark and the style that a standing has everywhere. Green means
// that all is well, and nothing else is green.
func tone(s pipeline.Standing) (mark string, style grid.Style) {
	switch s {
	case pipeline.StandingStarting:
		return "◌", theme.Muted
	case pipeline.StandingRunning:
		return "●", theme.Good
	case pipeline.StandingPausing, pipeline.StandingPaused:
		return "‖", theme.Warn
	case pipeline.StandingStopping:
		return "●", theme.Warn
	case pipeline.StandingDone:
		return "✓", theme.Good
	case pipeline.StandingStopped:
		return "✓", theme.Warn
	case pipeline.StandingDead, pipeline.StandingDiverged, pipeline.StandingFailed:
		return "✗", theme.Bad
	}
	return "!", theme.Warn // silent, unknown, gate failed
}

// standing returns how the scene's run stands at the moment.
func (s *scene) standing() pipeline.Standing {
	status := s.run.Status
	switch {
	case status.Over():
	case s.dead:
		return pipeline.StandingDead
	case status != pipeline.StandingRunning:
	case !s.heard.IsZero() && s.now.Sub(s.heard) >= pipeline.SilentAfter:
		return pipeline.StandingSilent
	case s.run.Stopping:
		return pipeline.StandingStopping
	}
	return status
}

// standing returns the run's state as a mark with a word, and its style. Long
// words are for wide screens.
func standing(s *scene, wide bool) piece {
	if s.player != nil {
		if playing, ended, speed := s.player.status(); playing {
			return piece{theme.Muted, "↺ REPLAY " + speed}
		} else if !ended {
			return piece{theme.Warn, fmt.Sprintf("‖ REPLAY event %d %s", s.run.Seq, s.run.Kind)}
		}
	}
	if s.share > 0 {
		return piece{theme.Warn, fmt.Sprintf("◌ READING %2.0f%%", 100*s.share)}
	}
	stands := s.standing()
	mark, style := tone(stands)
	text := mark + " " + strings.ToUpper(stands.String())
	switch {
	case stands == pipeline.StandingRunning && !wide:
		text = mark + " RUN"
	case stands == pipeline.StandingSilent:
		text += " " + duration(s.now.Sub(s.heard).Seconds())
	}
	return piece{style, text}
}
