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
	StageEvaluate  = "evaluate"
	StageFuse      = "fuse" // folding batch norm into convolutions
	StageCalibrate = "calibrate"
	StageQuantize  = "quantize"
	StageSweep     = "sweep" // quantizing at every calibration size
	// StageSensitivity is only named by Progress: a command's scan of the layers
	// within another stage.
	StageSensitivity = "sensitivity"
)

// RunStarted opens every journal and carries all that a screen needs to draw
// its first frame.
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
	// Pruning, FineTune and Quantization tell the experiment's rules in words, for
	// people.
	Pruning      string `json:"pruning,omitempty"`
	FineTune     string `json:"fine_tune,omitempty"`
	Quantization string `json:"quantization,omitempty"`
}

// Continued follows the events up to a checkpoint from which an interrupted
// run goes on. What had been journalled after the checkpoint is computed again
// and was removed.
type Continued struct {
	GlobalStep int    `json:"global_step"`
	Checkpoint string `json:"checkpoint"` // empty: from the beginning
	Removed    int    `json:"removed"`    // events
}

// DataRead tells what images the run works on.
type DataRead struct {
	Dataset string `json:"dataset"`
	// Note must stand beside every accuracy, as "JPEG copy"; mostly empty.
	Note   string `json:"note,omitempty"`
	Source string `json:"source"` // a path, or how the images were drawn
	// Hash is the SHA-256 of all images and labels, in hexadecimal. A run that goes
	// on wants the same again.
	Hash       string `json:"sha256,omitempty"`
	Train      int    `json:"train"` // images
	Validation int    `json:"validation"`
	Test       int    `json:"test"`
}

// Outlook tells before the first step how long the parts of the run will take:
// from training steps and an evaluation that were timed on this machine, on a
// copy of the network.
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

// Decided is a choice that the run made in place of what the experiment asks
// for, and why.
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

// Planned tells what memory a stage's training takes: activations, gradients,
// weights and work space, laid out when it begins and constant from then on. It
// depends on the number of threads, and is told again only when it changes.
type Planned struct {
	Stage string `json:"stage"`
	Round int    `json:"round"`
	Bytes int64  `json:"bytes"`
}

// Progress tells how far a stage without steps has come, or within any stage the
// answer to a command.
type Progress struct {
	Stage string `json:"stage"`
	Round int    `json:"round"`
	Done  int    `json:"done"`
	Total int    `json:"total"`
	Unit  string `json:"unit"` // "images" or "layers"
	// Asked is set for the answer to a command; Stage is then calibrate or
	// sensitivity, and the run's own stage goes on afterwards.
	Asked bool `json:"asked,omitempty"`
	// Overall is the share of the whole run that is done, 0 to 1, and
	// Remaining its estimated rest in seconds, 0 while unknown.
	Overall   float64 `json:"overall"`
	Remaining float64 `json:"remaining"`
}

// StepDone is one optimiser update.
type StepDone struct {
	Stage        string  `json:"stage"` // StageDense or StageFineTune
	Round        int     `json:"round"`
	Epoch        int     `json:"epoch"`  // from 1
	Epochs       float64 `json:"epochs"` // of the stage; need not be whole
	Step         int     `json:"step"`   // within the stage, from 1
	Steps        int     `json:"steps"`
	GlobalStep   int     `json:"global_step"` // over the whole run, from 1
	Loss         float64 `json:"loss"`        // that is trained on, mean over the batch; JSON null when not finite
	LearningRate float64 `json:"lr"`
	ImagesPerSec float64 `json:"images_per_s"`
	Overall      float64 `json:"overall"`
	Remaining    float64 `json:"remaining"` // seconds, 0 while unknown
}

// EpochDone sums up one epoch. Top-1 values are fractions.
type EpochDone struct {
	Stage     string  `json:"stage"`
	Round     int     `json:"round"`
	Epoch     int     `json:"epoch"`
	Epochs    float64 `json:"epochs"` // of the stage; need not be whole
	TrainLoss float64 `json:"train_loss"`
	TrainTop1 float64 `json:"train_top1"`
	ValLoss   float64 `json:"val_loss"` // on the validation split; ValCount 0 means not measured
	ValTop1   float64 `json:"val_top1"`
	ValCount  int     `json:"val_count"`
	Seconds   float64 `json:"seconds"`
	// GlobalStep is the step after which the epoch ended.
	GlobalStep int `json:"global_step"`
}

// Evaluated is a measured accuracy.
type Evaluated struct {
	What    string  `json:"what"` // "dense", "pruned" (before fine-tuning), "fine-tuned", "int8"
	Round   int     `json:"round"`
	Split   string  `json:"split"` // "test" or "validation"
	Top1    float64 `json:"top1"`
	Correct int     `json:"correct"`
	Total   int     `json:"total"`
	// NotFinite counts the images with a logit that is NaN or infinite; they count
	// as wrong.
	NotFinite int     `json:"not_finite,omitempty"`
	Loss      float64 `json:"loss"` // JSON null when not finite
	Seconds   float64 `json:"seconds"`
}

// RoundStarted opens a pruning round.
type RoundStarted struct {
	Round  int     `json:"round"`
	Rounds int     `json:"rounds"`          // expected in all, as things stand
	Of     string  `json:"of,omitempty"`    // what Target is a share of: "weights"
	Text   string  `json:"text,omitempty"`  // the round in words
	Again  bool    `json:"again,omitempty"` // the network of the round before is trained on
	Target float64 `json:"target"`          // share taken away, 0 to 1: sparsity of the candidates
	Edge   float64 `json:"edge_target"`     // sparsity of the edge layers
	Epochs float64 `json:"epochs"`          // to fine-tune for; need not be whole
	Steps  int     `json:"steps"`
}

// Sparsity reports zeros after masks were applied, or at a round's end.
type Sparsity struct {
	Round    int             `json:"round"`
	Target   float64         `json:"target"`
	Sparsity float64         `json:"sparsity"` // of all convolution and linear weights
	Zero     int             `json:"zero"`
	Total    int             `json:"total"`
	Layers   []LayerSparsity `json:"layers"`
}

// LayerSparsity counts one layer's zeros.
type LayerSparsity struct {
	Name         string `json:"name"`
	Zero         int    `json:"zero"`
	Total        int    `json:"total"`
	DeadChannels int    `json:"dead_channels"` // output channels whose weights are all zero
}

// RoundDone is a row of the result table.
type RoundDone struct {
	Round    int     `json:"round"`
	Of       string  `json:"of,omitempty"` // what Target is a share of: "weights"
	Target   float64 `json:"target"`
	Sparsity float64 `json:"sparsity"` // of all weights
	Top1     float64 `json:"top1"`     // on the test split
	Drop     float64 `json:"drop"`     // dense top-1 minus Top1, as a fraction; negative when better
	Epochs   float64 `json:"epochs"`   // fine-tuned for; need not be whole
	Seconds  float64 `json:"seconds"`
	Passed   bool    `json:"passed"`           // it was accepted
	Action   Action  `json:"action,omitempty"` // as Decided tells
	// Diverged is set where the round failed because a loss, a weight, a running
	// statistic or a logit is not finite.
	Diverged   bool   `json:"diverged,omitempty"`
	Reason     string `json:"reason"`     // why the gate passed or failed, with the numbers, and who overruled it
	Checkpoint string `json:"checkpoint"` // empty where the weights are not finite
	Hash       string `json:"hash"`       // SHA-256 of the checkpoint's tensors
}

// CalibrationPoint is one point of the sweep: calibrated on Images images of
// the training part, evaluated on the test split.
type CalibrationPoint struct {
	Images           int     `json:"images"`
	Draw             int     `json:"draw"` // from 1
	Observer         string  `json:"observer"`
	Top1             float64 `json:"top1"`
	Correct          int     `json:"correct"`
	Total            int     `json:"total"`
	Float            float64 `json:"float"` // top-1 of the same network in fp32
	CalibrateSeconds float64 `json:"calibrate_seconds"`
	EvaluateSeconds  float64 `json:"evaluate_seconds"`
	Asked            bool    `json:"asked"` // by a command rather than the experiment
}

// Scales is the quantization that one layer has, or would get, at a moment.
type Scales struct {
	Layer      string         `json:"layer"`
	Round      int            `json:"round"`
	GlobalStep int            `json:"global_step"`
	Images     int            `json:"images"` // that the activation range was observed on
	Recipe     string         `json:"recipe"` // as "lab"
	Channels   []ChannelScale `json:"channels"`
	// WeightHistogram counts weights in equal bins from −WeightMax to WeightMax,
	// zeros among them.
	WeightHistogram []int   `json:"weight_histogram"`
	WeightMax       float64 `json:"weight_max"`
	PerTensorCost   float64 `json:"per_tensor_cost_db"` // signal-to-noise lost with one scale for all channels
	// SNR is the int8 weights' signal-to-noise ratio in dB, batch norm folded in;
	// missing where int8 holds them exactly, as it does where all are zero.
	SNR float64 `json:"snr_db,omitempty"`
	// Clip is the share of their largest magnitude that the channels' ranges were
	// cut to, where a command asked what that would do; the run keeps whole ranges.
	Clip float64 `json:"clip,omitempty"`
	// BestClip is the share, a multiple of 0.05, with the highest SNR, and BestSNR
	// that ratio in dB.
	BestClip   float64 `json:"best_clip,omitempty"`
	BestSNR    float64 `json:"best_snr_db,omitempty"`
	Activation Range   `json:"activation"` // of the layer's output
	// ActivationHistogram counts outputs in equal bins over Activation's range.
	ActivationHistogram []int `json:"activation_histogram"`
	Asked               bool  `json:"asked"`
}

// ChannelScale is the int8 quantization of one output channel's weights.
type ChannelScale struct {
	Scale   float64 `json:"scale"`
	MaxAbs  float64 `json:"max_abs"`
	Zero    float64 `json:"zero"`    // share of weights that are zero
	Clipped float64 `json:"clipped"` // share saturated at the smallest or the largest code
	// Histogram counts the weights that are not zero in equal bins from −MaxAbs to
	// MaxAbs; empty for a channel without any.
	Histogram []int `json:"histogram,omitempty"`
}

// Range is an affine uint8 quantization of activations.
type Range struct {
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	Scale     float64 `json:"scale"`
	ZeroPoint int     `json:"zero_point"`
}

// Sensitivity is what the network loses with the smaller half of one layer's
// weights, for each layer alone and without retraining. It is measured where a
// command asks for it, and the run goes on as if it had not been.
type Sensitivity struct {
	Round      int                `json:"round"`
	GlobalStep int                `json:"global_step"`
	Share      float64            `json:"share"`  // of the weights a layer has left, the smallest, that were zeroed
	Split      string             `json:"split"`  // "validation", or "test" where there is no such split
	Images     int                `json:"images"` // the split's first ones
	Loss       float64            `json:"loss"`   // of the network as it is; JSON null when not finite
	Top1       float64            `json:"top1"`   // of the network as it is
	Layers     []LayerSensitivity `json:"layers"` // in forward order
	Seconds    float64            `json:"seconds"`
}

// LayerSensitivity is the network without half of one layer's weights. A layer's
// sensitivity is the rise in loss over the network's own.
type LayerSensitivity struct {
	Name string  `json:"name"`
	Loss float64 `json:"loss"` // JSON null when not finite
	Top1 float64 `json:"top1"`
}

// Quantized sums up the final integer network.
type Quantized struct {
	Recipe     string  `json:"recipe"`
	Observer   string  `json:"observer"`
	Images     int     `json:"images"`
	Top1       float64 `json:"top1"`
	Float      float64 `json:"float"` // top-1 of the same network in fp32
	FloatBytes int64   `json:"float_bytes"`
	Int8Bytes  int64   `json:"int8_bytes"`
	File       string  `json:"file"`
}

// Paused, Resumed, and Commanded tell what people did. Source names who:
// "keyboard", "socket", "signal", "disk".
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

// Commanded records a command as it was accepted or, with Refused set, why not.
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
	// Ended says it in one word more: done, gate failed, diverged, stopped or failed.
	Ended Standing `json:"ended,omitempty"`
	// Result is the file of the resulting float network, in the run folder; empty
	// where there is none.
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
func (Sparsity) Kind() string         { return "sparsity" }
func (RoundDone) Kind() string        { return "round_done" }
func (CalibrationPoint) Kind() string { return "calibration_point" }
func (Scales) Kind() string           { return "scales" }
func (Sensitivity) Kind() string      { return "sensitivity" }
func (Quantized) Kind() string        { return "quantized" }
func (Paused) Kind() string           { return "paused" }
func (Resumed) Kind() string          { return "resumed" }
func (Commanded) Kind() string        { return "commanded" }
func (Saved) Kind() string            { return "saved" }
func (Log) Kind() string              { return "log" }
func (Note) Kind() string             { return "note" }
func (RunDone) Kind() string          { return "run_done" }
