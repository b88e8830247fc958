package pipeline

import (
	"testing"

	"go.uber.org/goleak"

	"espalier/internal/race"
)

func TestMain(m *testing.M) {
	race.Shorten()
	goleak.VerifyTestMain(m)
}
