package pipeline

import (
	"fmt"
	"strings"
	"time"

	"espalier/internal/finite"
)

// Percent writes a fraction as 91.25 %.
func Percent(share float64) string { return fmt.Sprintf("%.2f %%", 100*share) }

// Points writes a difference of fractions in percentage points, as −0.25 or +1.00.
func Points(share float64) string {
	text := fmt.Sprintf("%+.2f", 100*share)
	if text == "-0.00" {
		return "+0.00"
	}
	return minus(text)
}

// Duration writes seconds as 2h03m, 4m05s or 6s.
func Duration(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second)).Round(time.Second)
	switch {
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%ds", int(d.Seconds()))
}

// loss writes a loss with four digits behind the point.
func loss(v finite.OrNull) string {
	if !finite.Is(v) {
		return "not finite"
	}
	return fmt.Sprintf("%.4f", v)
}

// megabytes writes a size as 262 MB.
func megabytes(bytes int64) string { return fmt.Sprintf("%.0f MB", float64(bytes)/1e6) }

// minus writes a number's hyphen as a minus sign.
func minus(number string) string { return strings.ReplaceAll(number, "-", "−") }
