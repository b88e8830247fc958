package cli

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"espalier/compress/pipeline"
)

func TestAShelfReadsAJournalAgainOnlyWhenItGrew(t *testing.T) {
	root := t.TempDir()
	begin := func(name string, bodies ...pipeline.Body) pipeline.Folder {
		f := pipeline.Folder(filepath.Join(root, name))
		if err := os.Mkdir(string(f), 0o755); err != nil {
			t.Fatal(err)
		}
		grow(t, f, bodies...)
		return f
	}
	first := begin("first", pipeline.RunStarted{Name: "first"}, pipeline.RunDone{Status: pipeline.StatusDone})
	time.Sleep(10 * time.Millisecond) // so that the second is newer
	second := begin("second", pipeline.RunStarted{Name: "second"})
	if err := os.Mkdir(filepath.Join(root, "no-run"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := shelfOf(first)
	list := func() []pipeline.Listing {
		all, err := s.List()
		if err != nil || len(all) != 2 || all[0].Folder != second || all[1].Folder != first {
			t.Fatalf("%v, %v: want second and first", all, err)
		}
		return all
	}
	if all := list(); all[1].Status != pipeline.StatusDone || all[0].Status != pipeline.StatusDead {
		t.Errorf("states %s and %s", all[0].Status, all[1].Status)
	}
	s.read[first] = known{pipeline.Listing{Folder: first, Status: "remembered"}, s.read[first].size, s.read[first].changed}
	s.read[second] = known{pipeline.Listing{Folder: second, Status: "remembered", State: pipeline.State{Begun: time.Now()}}, s.read[second].size, s.read[second].changed}
	grow(t, second, pipeline.RunDone{Status: pipeline.StatusStopped})
	if all := list(); all[1].Status != "remembered" || all[0].Status != pipeline.StatusStopped {
		t.Errorf("states %s and %s: want the second read again and the first remembered", all[0].Status, all[1].Status)
	}
	src, err := s.Open(second)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(src.Since(0, 10)); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
	if err := src.Close(); err != nil {
		t.Error(err)
	}
}

// grow appends events to a run's journal.
func grow(t *testing.T, f pipeline.Folder, bodies ...pipeline.Body) {
	t.Helper()
	j, err := pipeline.OpenJournal(f.Journal())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bodies {
		j.Append(b)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}
