package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"espalier/dataset"
	"espalier/model/kernel"
	"espalier/ui/cli"
)

// TestScriptingPage holds docs/scripting.md to the program's exit codes and to
// the environment variables that the source reads.
func TestScriptingPage(t *testing.T) {
	content, err := os.ReadFile("docs/scripting.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	if _, codes, _ := strings.Cut(cli.ExitCodes, "\n"); !strings.Contains(page, codes) {
		t.Errorf("the page does not have the exit codes as the help has them:\n%s", codes)
	}
	read := regexp.MustCompile(`os\.(?:Getenv|LookupEnv)\(([^)]+)\)`)
	names := map[string]string{"EnvVar": kernel.EnvVar, "EnvData": dataset.EnvData}
	found := 0
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if filepath.ToSlash(filepath.Dir(path)) == "internal/shared" { // tests alone use it
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, match := range read.FindAllStringSubmatch(string(source), -1) {
			name := strings.Trim(match[1], `"`)
			if constant, ok := names[name]; ok {
				name = constant
			}
			if found++; !strings.Contains(page, "`"+name+"`") {
				t.Errorf("%s reads $%s, which the page does not name", path, name)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d variables, %v", found, err)
	}
}

// TestReliabilityPage holds docs/reliability.md to naming tests that exist.
func TestReliabilityPage(t *testing.T) {
	page, err := os.ReadFile("docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	missing := map[string]bool{}
	for _, name := range regexp.MustCompile(`(?:Test|Fuzz)[A-Z]\w+`).FindAllString(string(page), -1) {
		missing[name] = true
	}
	if len(missing) < 20 {
		t.Fatalf("the page names %d tests", len(missing))
	}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w+)\(`)
	err = filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		for _, match := range declared.FindAllStringSubmatch(string(source), -1) {
			delete(missing, match[1])
		}
		return err
	})
	if err != nil || len(missing) > 0 {
		t.Errorf("the page names tests that there are not: %v, %v", missing, err)
	}
}
