// Package search makes a network smaller or faster within a time and within a
// drop of accuracy, without being told how: it is the command compress.
//
// It measures the network that came in, and then tries candidates until the time
// is up: int8 by every observer, and networks with more and more zeros, each
// fine-tuned from the sparsest that kept the bar, by an ordinary run of package
// pipeline. Between the highest sparsity that kept it and the lowest that did not
// it goes on by halves, and then with longer fine-tuning.
//
// A candidate is judged on validation images, which no training saw; test images
// are for the final table. It is the best when it keeps the bar and is faster, or
// smaller, beyond the noise. The best so far is on disk at once. A candidate that
// fails is a line in the table, never the end of the search.
package search
