package dataset

import "math/rand/v2"

// A purpose separates random streams that share a seed.
type purpose uint64

const (
	drawTrain purpose = iota + 1
	drawTest
	shuffling
	augmentation
	calibration
	cutting
	splitting
)

// stream sets g to the start of the random stream of one purpose, epoch and
// index. Streams start at hashes, so they are independent for every practical
// purpose.
func stream(g *rand.PCG, seed uint64, p purpose, epoch, index uint64) {
	h := mix(mix(mix(mix(seed)+uint64(p))+epoch) + index)
	g.Seed(h, mix(h))
}

// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014), a
// bijection that spreads every bit of x.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below returns a number from 0 to n−1 out of 32 random bits, by
// multiplication. Its bias of n/2³² is far below what any number of images
// could show.
func below(bits uint32, n int) int { return int(uint64(bits) * uint64(n) >> 32) }

// permute fills order with a random permutation of 0 to len(order)−1, by the
// Fisher–Yates shuffle. The result depends only on g and the length.
func permute(order []int32, g *rand.PCG) {
	for i := range order {
		order[i] = int32(i)
	}
	for i := len(order) - 1; i > 0; i-- {
		j := below(uint32(g.Uint64()>>32), i+1)
		order[i], order[j] = order[j], order[i]
	}
}
