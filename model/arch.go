package model

import "fmt"

// Shortcut is the kind of shortcut in residual blocks that change the map's
// shape.
type Shortcut string

const (
	// Projection is a 1×1 convolution with batch norm (option B of He et al.).
	Projection Shortcut = "projection"
	// Pad takes every second pixel and fills the new channels with zeros, half
	// before and half after (option A).
	Pad Shortcut = "pad"
)

// Arch names a CIFAR ResNet (He et al. 2015, section 4.2): three stages of
// (Depth−2)/6 blocks with Width, 2·Width and 4·Width channels.
type Arch struct {
	Depth    int // 20, 32, 44, 56
	Shortcut Shortcut
	Classes  int
	// Width is at most MaxWidth; 0 stands for the published networks' 16.
	Width int
}

// The published networks' first stage, and the widest one that is tested.
const (
	usualWidth = 16
	MaxWidth   = 256
)

// String returns a name such as "resnet20 projection", or "resnet20 projection
// width 32" of a network that is wider than the published ones.
func (a Arch) String() string {
	s := fmt.Sprintf("resnet%d %s", a.Depth, a.Shortcut)
	if a.Width != 0 && a.Width != usualWidth {
		s += fmt.Sprintf(" width %d", a.Width)
	}
	return s
}

// check returns an error if the architecture is impossible.
func (a Arch) check() error {
	if a.Depth < 8 || (a.Depth-2)%6 != 0 {
		return fmt.Errorf("depth %d: want 6n+2, as 20, 32, 44 or 56", a.Depth)
	}
	if a.Shortcut != Projection && a.Shortcut != Pad {
		return fmt.Errorf("shortcut %q: want %q or %q", a.Shortcut, Projection, Pad)
	}
	if a.Classes < 2 {
		return fmt.Errorf("%d classes: want at least 2", a.Classes)
	}
	if a.Width < 0 || a.Width > MaxWidth {
		return fmt.Errorf("width %d: want at most %d", a.Width, MaxWidth)
	}
	return nil
}
