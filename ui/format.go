package ui

import (
	"fmt"
	"math"
	"strings"
)

// count writes a number of things in at most five cells: 380, 1.6k, 17.0k,
// 128k, 40.6M.
func count(n float64) string {
	switch {
	case n < 0:
		return "−" + count(-n)
	case n < 1000:
		return fmt.Sprintf("%.0f", n)
	case n < 99_950:
		return fmt.Sprintf("%.1fk", n/1e3)
	case n < 999_500:
		return fmt.Sprintf("%.0fk", n/1e3)
	case n < 99_950_000:
		return fmt.Sprintf("%.1fM", n/1e6)
	case n < 999_500_000:
		return fmt.Sprintf("%.0fM", n/1e6)
	}
	return fmt.Sprintf("%.1fG", n/1e9)
}

// percent writes a fraction as a number of percent in four or more cells.
func percent(fraction float64, digits int) string {
	return fmt.Sprintf("%*.*f", digits+3, digits, 100*fraction)
}

// points writes a difference of fractions in percentage points, with its sign.
func points(difference float64, digits int) string {
	text := fmt.Sprintf("%+.*f", digits, 100*difference)
	if strings.Trim(text, "+-0.") == "" {
		text = "±" + text[1:]
	}
	return strings.Replace(text, "-", "−", 1)
}

// decibels writes a difference of signal-to-noise ratios with its sign: −1.9 dB.
func decibels(difference float64) string {
	text := fmt.Sprintf("%+.1f dB", difference)
	if text == "+0.0 dB" || text == "-0.0 dB" {
		text = "±0.0 dB"
	}
	return strings.Replace(text, "-", "−", 1)
}

// duration writes seconds in three to six cells: 8s, 3m20s, 1h02m, 2d04h.
func duration(seconds float64) string {
	if math.IsNaN(seconds) || seconds < 0 {
		seconds = 0
	}
	s := int64(min(seconds+0.5, 1e12))
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s/3600%24)
}

// loss writes a loss in six or more cells.
func loss(v float64) string {
	switch {
	case math.IsNaN(v):
		return "   NaN"
	case math.IsInf(v, 1):
		return "   Inf"
	case math.IsInf(v, -1):
		return "  −Inf"
	case math.Abs(v) >= 1000 || v < 0:
		return strings.ReplaceAll(fmt.Sprintf("%6.1e", v), "-", "−")
	}
	return fmt.Sprintf("%.*f", 4-min(len(fmt.Sprintf("%.0f", v))-1, 3), v)
}

// significant writes a positive number with three digits, small and large ones
// with two and a power of ten: 0.0120, 6.13, 360, 3.2e−5.
func significant(v float64) string {
	if v == 0 {
		return "0"
	}
	text := strings.TrimSuffix(fmt.Sprintf("%#.3g", v), ".")
	if math.Abs(v) < 1e-3 || math.Abs(v) >= 1e3 {
		text = strings.NewReplacer("e-0", "e-", "e+0", "e").Replace(fmt.Sprintf("%.1e", v))
		if math.Abs(v) >= 1e3 && math.Abs(v) < 1e5 {
			text = fmt.Sprintf("%.0f", v)
		}
	}
	return strings.ReplaceAll(text, "-", "−")
}

// powerOfTwo writes 2 to the power e in superscripts.
func powerOfTwo(e int) string {
	digits := []rune("⁰¹²³⁴⁵⁶⁷⁸⁹")
	var b strings.Builder
	b.WriteByte('2')
	for _, r := range fmt.Sprint(e) {
		if r == '-' {
			b.WriteRune('⁻')
		} else {
			b.WriteRune(digits[r-'0'])
		}
	}
	return b.String()
}
