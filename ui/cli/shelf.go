package cli

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"espalier/compress/pipeline"
	"espalier/configs"
	"espalier/ui"
)

// A shelf tells the screen of the runs that stand beside one in a folder. What
// it read of a journal is not read again.
type shelf struct {
	root string
	read map[pipeline.Folder]known
}

// known is a listing, and the journal that it was read from.
type known struct {
	listing pipeline.Listing
	size    int64
	changed time.Time
}

// shelfOf returns the shelf that a run stands on.
func shelfOf(run pipeline.Folder) *shelf {
	return &shelf{root: filepath.Dir(filepath.Clean(string(run))), read: map[pipeline.Folder]known{}}
}

// List returns the runs, the newest first.
func (s *shelf) List() ([]pipeline.Listing, error) {
	journals, err := filepath.Glob(filepath.Join(s.root, "*", "journal.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []pipeline.Listing
	for _, journal := range journals {
		info, err := os.Stat(journal)
		if err != nil {
			continue // it was removed just now
		}
		f := pipeline.Folder(filepath.Dir(journal))
		k, ok := s.read[f]
		if !ok || k.size != info.Size() || !k.changed.Equal(info.ModTime()) || k.listing.Status == pipeline.StatusLive {
			k.listing.Folder = f
			k = known{k.listing.Refresh(), info.Size(), info.ModTime()}
			s.read[f] = k
		}
		all = append(all, k.listing)
	}
	slices.SortFunc(all, func(a, b pipeline.Listing) int { return b.State.Begun.Compare(a.State.Begun) })
	return all, nil
}

// Open returns a run's events, following it where it is live.
func (*shelf) Open(f pipeline.Folder) (ui.OpenRun, error) {
	return pipeline.OpenReplay(f, f.Live())
}

// Experiment returns a run's settings.
func (*shelf) Experiment(f pipeline.Folder) (configs.Experiment, error) { return f.LoadExperiment() }
