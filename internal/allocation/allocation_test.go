package allocation

import "testing"

var sink []byte

// A failure notes that a test would have failed.
type failure bool

func (*failure) Helper()                 {}
func (f *failure) Errorf(string, ...any) { *f = true }

func TestLimit(t *testing.T) {
	parse := func() { sink = make([]byte, 1<<20) }
	Limit(t, 1024, 1024, 64<<10, parse)
	var exceeded failure
	Limit(&exceeded, 1024, 512, 64<<10, parse)
	if !exceeded {
		t.Error("a megabyte passes for half a one")
	}
}
