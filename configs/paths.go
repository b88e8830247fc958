package configs

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
)

// Resolve makes the experiment's paths absolute, with ~ and environment
// variables filled in, so that a run finds its files from any working directory.
func (e *Experiment) Resolve() error {
	var err error
	if e.Data.Path, err = resolvePath(e.Data.Path); err != nil {
		return fmt.Errorf("data.path: %w", err)
	}
	if e.Model.Graph, err = resolvePath(e.Model.Graph); err != nil {
		return fmt.Errorf("model.graph: %w", err)
	}
	if e.Model.Weights != Scratch && e.Model.Weights != Embedded {
		if e.Model.Weights, err = resolvePath(e.Model.Weights); err != nil {
			return fmt.Errorf("model.weights: %w", err)
		}
	}
	return nil
}

// resolvePath fills in ~, ~name, $NAME and ${NAME} and makes a path absolute. A
// path that exists as written is not expanded.
func resolvePath(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	if _, err := os.Lstat(path); err != nil {
		if path, err = expand(path); err != nil {
			return "", err
		}
	}
	return filepath.Abs(path)
}

func expand(path string) (string, error) {
	var unset string
	full := os.Expand(path, func(name string) string {
		value, ok := os.LookupEnv(name)
		if !ok && unset == "" {
			unset = name
		}
		return value
	})
	if unset != "" {
		return "", fmt.Errorf("%q: the environment variable %s is not set", path, unset)
	}
	if !strings.HasPrefix(path, "~") {
		return full, nil
	}
	name, rest, _ := strings.Cut(full[1:], string(filepath.Separator))
	if name == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("%q: %w", path, err)
		}
		return filepath.Join(home, rest), nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return "", fmt.Errorf("%q: there is no user %s", path, name)
	}
	return filepath.Join(u.HomeDir, rest), nil
}
