package ui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"espalier/compress/pipeline"
)

// enter shows the histogram of the selected channel, and h and l go to others;
// esc and enter show all channels again.
func TestAChannelsHistogram(t *testing.T) {
	a := newTestApp(t, during(2, 10), 100, 30)
	press(a, "2", "j", "enter", "l", "l", "enter")
	if !strings.Contains(a.View(), "channel 2 of 16") {
		t.Fatalf("enter does not show the channel:\n%s", a.View())
	}
	press(a, "l")
	if !strings.Contains(a.View(), "channel 3 of 16") {
		t.Errorf("l does not go to the next channel:\n%s", a.View())
	}
	for _, key := range []string{"esc", "enter"} {
		if press(a, key); strings.Contains(a.View(), "channel 3") {
			t.Errorf("%s does not show all channels:\n%s", key, a.View())
		}
		press(a, "enter")
	}
}

// c asks what clipping would do, the best share proposed; the answer is told
// apart from the scales that the layer has, and r brings those back.
func TestClippingIsALook(t *testing.T) {
	src := during(2, 10)
	a := newTestApp(t, src, 100, 30)
	press(a, "2", "j", "enter")
	layer, _ := a.scene.selectedLayer()
	press(a, "c", "enter")
	press(a, "c", "ctrl+u", ".", "5", "enter")
	want := []pipeline.Command{
		{Do: pipeline.Inspect, Layer: layer.Name, Source: "keyboard"},
		{Do: pipeline.Inspect, Layer: layer.Name, Clip: 0.95, Source: "keyboard"},
		{Do: pipeline.Inspect, Layer: layer.Name, Clip: 0.5, Source: "keyboard"},
	}
	if diff := cmp.Diff(want, src.Sent()); diff != "" {
		t.Errorf("commands (−want +got):\n%s", diff)
	}
	if !strings.Contains(a.View(), "if clipped to 0.5") {
		t.Errorf("the title does not say that this is a look:\n%s", a.View())
	}
	if q := a.scales.data(&a.scene); len(q.rows) == 0 || q.rows[0][3] != 0.5 {
		t.Errorf("the export does not name the clip: %v", q.rows)
	}
	if press(a, "r"); strings.Contains(a.View(), "if clipped") {
		t.Errorf("r does not bring the layer's scales back:\n%s", a.View())
	}
	for _, text := range []string{"2", "0", "x", "0.01"} {
		press(a, append([]string{"c", "ctrl+u"}, append(strings.Split(text, ""), "enter")...)...)
		if len(src.Sent()) != 4 || a.said == "" {
			t.Errorf("a share of %s is asked for, said %q", text, a.said)
		}
	}
}
