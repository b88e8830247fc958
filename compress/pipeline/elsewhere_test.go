package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"espalier/configs"
	"espalier/dataset"
)

// TestResumeElsewhere stops a run that began with relative paths. It goes on from
// another working directory and with its images in another place; other
// images are refused.
func TestResumeElsewhere(t *testing.T) {
	e := tiny(t)
	e.Data.Set, e.Data.Path = configs.CIFAR10, "images"
	parts := tinyParts()
	same := parts.Open
	var asked []string
	parts.Open = func(o dataset.Options) (*dataset.Data, error) {
		asked = append(asked, o.Path)
		if filepath.Base(o.Path) == "gone" {
			return nil, os.ErrNotExist
		}
		data, err := same(o)
		if filepath.Base(o.Path) == "others" {
			test := *data.Test
			test.Labels = append([]uint16{(test.Labels[0] + 1) % 10}, test.Labels[1:]...)
			data.Test = &test
		}
		return data, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := create(t, e)
	go func() { // after the dense network
		defer cancel()
		for {
			if state := r.Hub.State(); state.Evaluation("dense", "test") != nil {
				return
			}
			<-r.Hub.Changed()
		}
	}()
	if _, err := r.Do(ctx, parts); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if len(asked) != 1 || !filepath.IsAbs(asked[0]) {
		t.Fatalf("the images were read from %v, want an absolute path", asked)
	}
	t.Chdir(t.TempDir())
	resume := func(moved string) (RunDone, error) {
		again, err := Continue(r.Folder)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		if moved != "" {
			if err := again.MoveData(moved); err != nil {
				t.Fatal(err)
			}
		}
		return again.Do(context.Background(), parts)
	}
	if _, err := resume("gone"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("images that are not there: %v", err)
	}
	if _, err := resume("others"); err == nil || !strings.Contains(err.Error(), "are not those that the run began with") {
		t.Errorf("other images: %v", err)
	}
	if kept, err := r.Folder.LoadExperiment(); err != nil || kept.Data.Path != asked[0] {
		t.Errorf("other images changed the path to %s, error %v", kept.Data.Path, err)
	}
	t.Setenv("PLACE", "moved")
	done, err := resume("$PLACE")
	if err != nil || done.Status != StatusDone {
		t.Fatalf("%+v, error %v", done, err)
	}
	moved, _ := filepath.Abs("moved")
	if kept, err := r.Folder.LoadExperiment(); err != nil || kept.Data.Path != moved {
		t.Errorf("the run keeps the path %s, want %s, error %v", kept.Data.Path, moved, err)
	}
}
