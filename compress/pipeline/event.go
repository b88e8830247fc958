package pipeline

import "time"

// An Event is one thing that happened in a run. Seq counts from 1 without
// gaps; Time is the wall clock and the only part of the envelope that two runs
// of the same experiment do not share.
type Event struct {
	Seq  int64
	Time time.Time
	Body Body
}

// A Body is the typed content of an event. Kind is its stable name in the
// journal and in --json output.
type Body interface{ Kind() string }

// Stage names, as they appear in events and on screen.
const (
	StageData      = "data"      // reading or drawing the images
	StageDense     = "dense"     // evaluating, or training, the dense network
	StagePrune     = "prune"     // computing and applying masks
	StageFineTune  = "fine-tune" // training with masks held
	StageQAT       = "qat"       // training with weights and activations rounded
	StageEvaluate  = "evaluate"
	StageFuse      = "fuse" // folding batch norm into convolutions
	StageCalibrate = "calibrate"
	StageQuantize  = "quantize"
	StageCost      = "cost"  // measuring a checkpoint's time and size
	StageSweep     = "sweep" // quantizing at every calibration size
	// StageSensitivity measures the layers' sensitivity. In Progress it may also be a
	// command's scan within another stage.
	StageSensitivity = "sensitivity"
)

// RunStarted opens every journal. It holds all that a screen needs to draw its
// first frame.
type RunStarted struct {
	Schema     int         `json:"schema"` // of the journal; 1
	Version    string      `json:"version"`
	Name       string      `json:"name"`       // of the run folder
	Experiment string      `json:"experiment"` // preset or file name without extension
	Dataset    string      `json:"dataset"`    // "cifar10" or "shapes10", as shown on screen
	Network    string      `json:"network"`    // "resnet20 projection"
	Layers     []LayerInfo `json:"layers"`     // convolutions and linear layers in forward order
	Weights    int         `json:"weights"`    // of all Layers
	MACs       int64       `json:"macs"`       // multiply-adds for one image
	Seed       uint64      `json:"seed"`
	Threads    int         `json:"threads"`
	Kernel     string      `json:"kernel"` // instruction set in use: avx512, avx2 or go
	Targets    []float64   `json:"targets"`
	Sizes      []int       `json:"sizes"`     // calibration sizes of the sweep
	Observers  []string    `json:"observers"` // of activations, the sweep's first
	Gate       string      `json:"gate"`      // in words: "top-1 ≥ 90.00 % on test"
	// Pruning, FineTune and Quantization are the experiment's rules in words, for
	// people.
	Pruning      string `json:"pruning,omitempty"`
	FineTune     string `json:"fine_tune,omitempty"`
	Quantization string `json:"quantization,omitempty"`
}

// Continued says that a run goes on from a checkpoint. Events after the
// checkpoint were removed from the journal and are computed again.
type Continued struct {
	GlobalStep int    `json:"global_step"`
	Checkpoint string `json:"checkpoint"` // empty: from the beginning
	Removed    int    `json:"removed"`    // events
}

// DataRead says which images the run works on.
type DataRead struct {
	Dataset string `json:"dataset"`
	// Note must stand beside every accuracy, such as "JPEG copy"; mostly empty.
	Note   string `json:"note,omitempty"`
	Source string `json:"source"` // a path, or how the images were drawn
	// Hash is the SHA-256 of all images and labels, in hexadecimal. A resumed run
	// needs the same images.
	Hash       string `json:"sha256,omitempty"`
	Train      int    `json:"train"` // images
	Validation int    `json:"validation"`
	Test       int    `json:"test"`
}

// Outlook says before the first step how long the parts of the run will take.
// It follows from training steps and an evaluation that were timed on a copy of
// the network.
type Outlook struct {
	Parts        []OutlookPart `json:"parts"` // in the run's order
	Seconds      float64       `json:"seconds"`
	ImagesPerSec float64       `json:"images_per_s"` // while training
}

// OutlookPart is one part of a run.
type OutlookPart struct {
	Name    string  `json:"name"` // "dense", "round 1", "quantize" or "sweep"
	Epochs  float64 `json:"epochs"`
	Seconds float64 `json:"seconds"`
	Cached  bool    `json:"cached,omitempty"` // an earlier run's network is taken
}

// Decided is a choice of the run that replaces a setting of the experiment, and
// why.
type Decided struct {
	About string `json:"about"`          // "gate", or "round" for what follows a round
	Text  string `json:"text"`           // a sentence with the numbers
	Gate  string `json:"gate,omitempty"` // About gate: the gate from here on, in words
	// What follows belongs to a round.
	Round int `json:"round,omitempty"`
	// Action is accept, retry (train on), back (to the last network that was
	// accepted, and to a smaller target) or stop (end the rounds).
	Action Action  `json:"action,omitempty"`
	By     string  `json:"by,omitempty"` // who decided: "gate", or a command's Source
	Target float64 `json:"target,omitempty"`
	Top1   float64 `json:"top1,omitempty"`
	Drop   float64 `json:"drop,omitempty"`   // as in RoundDone
	Next   float64 `json:"next,omitempty"`   // the target that is tried next
	Epochs float64 `json:"epochs,omitempty"` // that it is trained for
}

// LayerInfo describes one layer that has weights.
type LayerInfo struct {
	Name    string `json:"name"`  // PyTorch's, as layer2.0.conv1
	Shape   []int  `json:"shape"` // of the weight: [out in kh kw] or [out in]
	Stride  int    `json:"stride"`
	Weights int    `json:"weights"`
	MACs    int64  `json:"macs"`
	Edge    bool   `json:"edge"` // first convolution or classifier: not a global candidate
}

// StageStarted and StageDone bracket a stage. Round counts from 1 and is 0
// outside rounds.
type StageStarted struct {
	Stage string `json:"stage"`
	Round int    `json:"round"`
	Text  string `json:"text,omitempty"`
}

// StageDone ends the stage of the same name and round.
type StageDone struct {
	Stage   string  `json:"stage"`
	Round   int     `json:"round"`
	Seconds float64 `json:"seconds"`
}

// Planned is the memory that a stage's training takes: activations, gradients,
// weights and work space. It is laid out when the stage begins and does not
// grow. It depends on the number of threads, and is published again only when
// it changes.
type Planned struct {
	Stage string `json:"stage"`
	Round int    `json:"round"`
	Bytes int64  `json:"bytes"`
}

// Progress is the progress of a stage without steps or, within any stage, of a
// measurement that a command asked for.
type Progress struct {
	Stage string `json:"stage"`
	Round int    `json:"round"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
	Unit  string `json:"unit"` // "images", "layers" or "points"
	// Asked is set if a command asked for it. Stage is then calibrate or
	// sensitivity, and the run's own stage goes on afterwards.
	Asked bool `json:"asked,omitempty"`
	// Overall is the share of the whole run that is done, 0 to 1. Remaining is
	// the estimated time that is left in seconds, 0 while unknown.
	Overall   float64 `json:"overall"`
	Remaining float64 `json:"remaining"`
}

// Paused, Resumed and Commanded are what people did. Source is "keyboard",
// "socket", "signal" or "disk".
type Paused struct {
	GlobalStep int    `json:"global_step"`
	Source     string `json:"source"`
	Reason     string `json:"reason,omitempty"`
}

// Resumed ends a pause.
type Resumed struct {
	GlobalStep int     `json:"global_step"`
	Source     string  `json:"source"`
	Seconds    float64 `json:"seconds"` // the pause lasted
}

// Commanded records a command. If it was refused, Refused says why.
type Commanded struct {
	Command Command `json:"command"`
	Refused string  `json:"refused,omitempty"`
}

// Saved is a file written to the run folder.
type Saved struct {
	What  string `json:"what"` // "checkpoint", "result", "report", "quantized"
	Path  string `json:"path"` // relative to the run folder
	Bytes int64  `json:"bytes"`
}

// Log is a sentence for people. Level is info, warn or error.
type Log struct {
	Level string `json:"level"`
	Text  string `json:"text"`
}

// Note is a remark that somebody attached to a step.
type Note struct {
	GlobalStep int    `json:"global_step"`
	Text       string `json:"text"`
}

// RunDone closes a journal. Status is done, stopped or failed.
type RunDone struct {
	Status string `json:"status"`
	// Ended is more precise: done, gate failed, diverged, stopped or failed.
	Ended Standing `json:"ended,omitempty"`
	// Result is the file of the resulting float network, relative to the run
	// folder; empty if there is none.
	Result   string  `json:"result,omitempty"`
	Reason   string  `json:"reason,omitempty"`
	Seconds  float64 `json:"seconds"`  // pauses excluded
	Sparsity float64 `json:"sparsity"` // of the resulting network
	Dense    float64 `json:"dense"`    // top-1 on test: dense, pruned, int8
	Top1     float64 `json:"top1"`
	Int8     float64 `json:"int8"` // 0 when not reached
}

func (RunStarted) Kind() string       { return "run_started" }
func (Continued) Kind() string        { return "continued" }
func (DataRead) Kind() string         { return "data_read" }
func (Outlook) Kind() string          { return "outlook" }
func (Decided) Kind() string          { return "decided" }
func (StageStarted) Kind() string     { return "stage_started" }
func (StageDone) Kind() string        { return "stage_done" }
func (Planned) Kind() string          { return "planned" }
func (Progress) Kind() string         { return "progress" }
func (StepDone) Kind() string         { return "step_done" }
func (EpochDone) Kind() string        { return "epoch_done" }
func (Evaluated) Kind() string        { return "evaluated" }
func (RoundStarted) Kind() string     { return "round_started" }
func (Sliced) Kind() string           { return "sliced" }
func (Sparsity) Kind() string         { return "sparsity" }
func (RoundDone) Kind() string        { return "round_done" }
func (CalibrationPoint) Kind() string { return "calibration_point" }
func (Race) Kind() string             { return "race" }
func (Repaired) Kind() string         { return "repaired" }
func (Scales) Kind() string           { return "scales" }
func (Sensitivity) Kind() string      { return "sensitivity" }
func (SensitivityPoint) Kind() string { return "sensitivity_point" }
func (Quantized) Kind() string        { return "quantized" }
func (Cost) Kind() string             { return "cost" }
func (Paused) Kind() string           { return "paused" }
func (Resumed) Kind() string          { return "resumed" }
func (Commanded) Kind() string        { return "commanded" }
func (Saved) Kind() string            { return "saved" }
func (Log) Kind() string              { return "log" }
func (Note) Kind() string             { return "note" }
func (RunDone) Kind() string          { return "run_done" }
