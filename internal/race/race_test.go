package race

import "testing"

func TestMain(m *testing.M) {
	Shorten()
	m.Run()
}

func TestShorten(t *testing.T) {
	if detector && !testing.Short() {
		t.Error("tests are long beneath the race detector")
	}
}
