package cost

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"espalier/internal/plural"
)

// Machine names this machine, such as "Intel Xeon, 2 processors, linux/amd64".
func Machine() string {
	name := processor()
	if name != "" {
		name += ", "
	}
	return fmt.Sprintf("%s%s, %s/%s", name, plural.Count(runtime.NumCPU(), "processor"), runtime.GOOS, runtime.GOARCH)
}

// processor returns Linux's name for the processor, and "" elsewhere.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return ""
}
