// Package pipeline runs an experiment: it trains a dense network, prunes and
// fine-tunes it round by round, quantizes the result and sweeps over
// calibration sizes.
//
// A Runner works in one goroutine. What happens becomes an Event: a number, a
// time and a typed Body. Every event passes through one Hub, which writes it to
// the run's journal, folds it into a State and keeps it for readers. The
// screen, the line printer and the JSON printer read a Source and never block
// the Runner. A key becomes a Command on the Hub's queue, which the Runner
// reads between two steps.
//
// A run is a Folder:
//
//	experiment.yaml   the resolved experiment
//	journal.jsonl     all events, one JSON object a line
//	checkpoints/      safetensors: dense, round-1, round-2, …, and the latest
//	                  two states inside a stage of training, step-a and step-b,
//	                  which are removed when the run is done
//	quantized.safetensors
//	result.json       the tables, when the run is over
//	report.md         the same for people, with charts as text and PNG
//	report.html, metrics.csv    the same as one page and as a table, where the
//	                  command report wrote them
//	engine.lock       held by the process that computes, freed when it ends
//	control.sock      takes commands from other processes
//	crash.txt         the stack of a panic, where there was one
//
// Everything that a run shows can be rebuilt from its folder. Two runs of one
// experiment with one seed have equal journals except for times, rates and
// names; canonical leaves those out.
package pipeline
