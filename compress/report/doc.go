// Package report tells of finished and unfinished runs: as one HTML file that
// needs nothing outside itself, as a page that compares runs, and as numbers for
// other programs: metrics.csv and TensorBoard's event files.
//
// It reads the folders of runs and nothing else. Charts are SVG that it draws
// itself, with text as text; colours follow the reader's light or dark setting,
// and the page needs no script.
package report
