package kernel

// A Conv is the geometry of a convolution with padding Kernel/2. Its input is
// either a Map with a multiple of 16 channels, or the image itself: In.C is 3
// and the layout [H+2][W+2][4], red, green, blue and an unused lane, with a
// border of zeros.
type Conv struct {
	In, Out Map
	Kernel  int // 1 or 3
	Stride  int // 1 or 2
}

// An Epilogue is applied to a convolution's sums before they are stored: y =
// relu(Σ w·x + Bias + Residual).
type Epilogue struct {
	Bias     []float32 // [K], or nil
	Residual []float32 // laid out like the output, or nil; may be the output itself, which accumulates
	ReLU     bool
	// Max, unless 0, is an upper bound of y, such as 6 for a ReLU6. Winograd's
	// algorithm and sparse convolution cannot apply it.
	Max float32
	// Sums [K/16][2][16], unless nil, receives for each channel the sum of the
	// stored values and of their squares, added to what it holds.
	Sums []float32
	// Share says which outputs are computed. With some of them Sums must be nil.
	Share Share
}
