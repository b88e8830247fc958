package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// as calls a function with the rights of another user to files, which only
// root can give. The thread that it ran in ends with it.
func as(t *testing.T, uid int, do func()) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("being another user takes root")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good
		unix.SetfsuidRetUid(uid)
		do()
	}()
	<-done
}

// TestAnotherUsersRun looks at a live run as a user who owns none of its files:
// it is live all the same, can be followed, and cannot be steered. Where even
// reading the lock is forbidden, nobody claims to know.
func TestAnotherUsersRun(t *testing.T) {
	const nobody = 65534
	root, err := os.MkdirTemp("", "espalier")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Create(root, "run", tiny(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.Hub.Publish(RunStarted{Experiment: "smoke"})
	status := func(want string) (l Listing) {
		t.Helper()
		runs, err := ListRuns(root)
		if err != nil || len(runs) != 1 {
			t.Fatalf("%d runs, %v", len(runs), err)
		}
		if l = runs[0]; l.Status != want {
			t.Errorf("the run is %s, want %s (%v)", l.Status, want, l.Err)
		}
		return l
	}
	as(t, nobody, func() {
		if _, err := os.Create(filepath.Join(string(r.Folder), "mine")); !errors.Is(err, os.ErrPermission) {
			t.Errorf("another user may write: %v", err)
		}
		if l := status(StatusLive); l.Err != nil {
			t.Error(l.Err)
		}
		replay, err := OpenReplay(r.Folder, r.Folder.Live())
		if err != nil {
			t.Fatal(err)
		}
		defer replay.Close()
		if len(replay.Since(0, 10)) != 1 {
			t.Error("its events cannot be read")
		}
		if err := replay.Send(Command{Do: Pause}); !errors.Is(err, errNotOwner) {
			t.Errorf("steering it: %v", err)
		}
		if _, err := Continue(r.Folder); !errors.Is(err, os.ErrPermission) {
			t.Errorf("going on with it: %v", err)
		}
	})
	if err := os.Chmod(r.Folder.lock(), 0o600); err != nil {
		t.Fatal(err)
	}
	as(t, nobody, func() {
		if l := status(StatusUnknown); !errors.Is(l.Err, os.ErrPermission) || l.State.Started == nil {
			t.Errorf("%v", l.Err)
		}
	})
	if err := os.Chmod(r.Folder.lock(), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Close()
	as(t, nobody, func() { status(StatusDead) })
}
