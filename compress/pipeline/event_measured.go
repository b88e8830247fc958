package pipeline

import "espalier/internal/finite"

// The events in this file tell what training, pruning and quantization measured.

// StepDone is one optimiser update.
type StepDone struct {
	Stage        string        `json:"stage"` // StageDense, StageFineTune or StageQAT
	Round        int           `json:"round"`
	Epoch        int           `json:"epoch"`  // from 1
	Epochs       float64       `json:"epochs"` // of the stage; need not be whole
	Step         int           `json:"step"`   // within the stage, from 1
	Steps        int           `json:"steps"`
	GlobalStep   int           `json:"global_step"` // over the whole run, from 1
	Loss         finite.OrNull `json:"loss"`        // the training loss, mean over the batch; null when not finite
	LearningRate float64       `json:"lr"`
	ImagesPerSec float64       `json:"images_per_s"`
	Overall      float64       `json:"overall"`
	Remaining    float64       `json:"remaining"` // seconds, 0 while unknown
}

// EpochDone sums up one epoch. Top-1 values are fractions.
type EpochDone struct {
	Stage     string        `json:"stage"`
	Round     int           `json:"round"`
	Epoch     int           `json:"epoch"`
	Epochs    float64       `json:"epochs"` // of the stage; need not be whole
	TrainLoss finite.OrNull `json:"train_loss"`
	TrainTop1 float64       `json:"train_top1"`
	ValLoss   finite.OrNull `json:"val_loss"` // on the validation split; ValCount 0 means not measured
	ValTop1   float64       `json:"val_top1"`
	ValCount  int           `json:"val_count"`
	Seconds   float64       `json:"seconds"`
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
	// NotFinite is the number of images with a logit that is NaN or infinite. They
	// count as wrong.
	NotFinite int           `json:"not_finite,omitempty"`
	Loss      finite.OrNull `json:"loss"` // null when not finite
	Seconds   float64       `json:"seconds"`
}

// RoundStarted opens a pruning round.
type RoundStarted struct {
	Round  int     `json:"round"`
	Rounds int     `json:"rounds"`          // expected in all at this point
	Of     string  `json:"of,omitempty"`    // what Target is a share of: "weights", or in a round of channels "channels", "multiply-adds" or "parameters"
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

// Sliced tells which channels a round removed, and what is left of the network.
type Sliced struct {
	Round            int         `json:"round"`
	Groups           []GroupInfo `json:"groups"`
	MACsBefore       int64       `json:"macs_before"` // multiply-adds for one image
	MACs             int64       `json:"macs"`
	ParametersBefore int         `json:"parameters_before"`
	Parameters       int         `json:"parameters"`
	Weights          int         `json:"weights"` // of all Layers
	Layers           []LayerInfo `json:"layers"`  // from here on
}

// GroupInfo is a group of channels that only go together.
type GroupInfo struct {
	Name   string   `json:"name"`   // of the first layer that computes them
	Layers []string `json:"layers"` // that compute them
	Before int      `json:"before"` // channels
	Kept   int      `json:"kept"`
	Ties   []string `json:"ties,omitempty"` // why they belong together
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
	Of       string  `json:"of,omitempty"` // what Target is a share of: "weights", or in a round of channels "channels", "multiply-adds" or "parameters"
	Target   float64 `json:"target"`
	Sparsity float64 `json:"sparsity"` // of all weights
	Top1     float64 `json:"top1"`     // on the test split
	Drop     float64 `json:"drop"`     // dense top-1 minus Top1, as a fraction; negative when better
	Epochs   float64 `json:"epochs"`   // fine-tuned for; need not be whole
	Seconds  float64 `json:"seconds"`
	Passed   bool    `json:"passed"`           // it was accepted
	Action   Action  `json:"action,omitempty"` // as in Decided
	// Diverged is set if the round failed because a loss, a weight, a running
	// statistic or a logit is not finite.
	Diverged   bool   `json:"diverged,omitempty"`
	Reason     string `json:"reason"`     // why the gate passed or failed, with the numbers, and who overruled it
	Checkpoint string `json:"checkpoint"` // empty if the weights are not finite
	Hash       string `json:"hash"`       // SHA-256 of the checkpoint's tensors
}

// CalibrationPoint is one point of the sweep: the network calibrated on Images
// training images and evaluated on the test split.
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

// Race is the range that every observer of the sweep finds for the same values:
// the activations of the first draw's first images. A sweep with one observer has
// none.
type Race struct {
	Images      int            `json:"images"`
	Activations []ObservedRace `json:"activations"` // by name
}

// ObservedRace is what the observers find for one activation.
type ObservedRace struct {
	Point string  `json:"point"` // "input", or the node that gives it
	Min   float64 `json:"min"`   // of all values
	Max   float64 `json:"max"`
	// Histogram counts the values in equal bins from Min to Max.
	Histogram []int           `json:"histogram"`
	Ranges    []ObservedRange `json:"ranges"` // in the order of the sweep's observers
}

// ObservedRange is one observer's range of an activation, and what the recipe makes
// of it.
type ObservedRange struct {
	Observer string `json:"observer"`
	Range
}

// Repaired is what a repair of the int8 network did, on images that it is judged on.
type Repaired struct {
	Name   string        `json:"name"` // of the repair; "none" for the network as it was
	Did    string        `json:"did"`  // in words
	Kept   bool          `json:"kept"`
	Split  string        `json:"split"` // "validation"
	Top1   float64       `json:"top1"`  // with the repairs kept before and this one
	Loss   finite.OrNull `json:"loss"`  // JSON null when not finite
	Images int           `json:"images"`
}

// Scales is the quantization that one layer has, or would get, at a step.
type Scales struct {
	Layer      string         `json:"layer"`
	Round      int            `json:"round"`
	GlobalStep int            `json:"global_step"`
	Images     int            `json:"images"` // that the activation range was observed on
	Recipe     string         `json:"recipe"` // as "lab"
	Channels   []ChannelScale `json:"channels"`
	// WeightHistogram counts all weights, zeros too, in equal bins from
	// −WeightMax to WeightMax.
	WeightHistogram []int   `json:"weight_histogram"`
	WeightMax       float64 `json:"weight_max"`
	PerTensorCost   float64 `json:"per_tensor_cost_db"` // signal-to-noise lost with one scale for all channels
	// SNR is the int8 weights' signal-to-noise ratio in dB, batch norm folded in.
	// It is missing if int8 holds them exactly, for example if all are zero.
	SNR float64 `json:"snr_db,omitempty"`
	// Clip is the share of their largest magnitude that the channels' ranges were
	// cut to, if a command asked for that. The run itself keeps whole ranges.
	Clip float64 `json:"clip,omitempty"`
	// BestClip is the share, a multiple of 0.05, that gives the highest SNR.
	// BestSNR is that SNR in dB.
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
	// MaxAbs. It is empty if all are zero.
	Histogram []int `json:"histogram,omitempty"`
}

// Range is an affine uint8 quantization of activations.
type Range struct {
	Min       float64 `json:"min"`
	Max       float64 `json:"max"`
	Scale     float64 `json:"scale"`
	ZeroPoint int     `json:"zero_point"`
}

// Sensitivity is the loss of the network without the smaller half of one
// layer's weights, for each layer alone and without retraining. A command asks
// for it; the run itself does not change.
type Sensitivity struct {
	Round      int                `json:"round"`
	GlobalStep int                `json:"global_step"`
	Share      float64            `json:"share"`  // of a layer's remaining weights that is zeroed, the smallest first
	Split      string             `json:"split"`  // "validation", or "test" if there is no validation split
	Images     int                `json:"images"` // of the split, from the first
	Loss       finite.OrNull      `json:"loss"`   // of the network as it is; null when not finite
	Top1       float64            `json:"top1"`   // of the network as it is
	Layers     []LayerSensitivity `json:"layers"` // in forward order
	Seconds    float64            `json:"seconds"`
}

// LayerSensitivity is the network's loss without half of one layer's weights.
// The layer's sensitivity is the rise over the network's own loss.
type LayerSensitivity struct {
	Name string        `json:"name"`
	Loss finite.OrNull `json:"loss"` // null when not finite
	Top1 float64       `json:"top1"`
}

// SensitivityPoint is the dense network with one layer made worse, without
// training. The first one is the network as it is and has no Layer. The rise of a
// point is its Loss above that one's.
type SensitivityPoint struct {
	Of     string        `json:"of,omitempty"` // "weights", "channels" or "bits"
	Layer  string        `json:"layer,omitempty"`
	Level  float64       `json:"level,omitempty"` // share of weights or channels that are zero, or bits of weights
	Loss   finite.OrNull `json:"loss"`            // null when not finite
	Top1   float64       `json:"top1"`
	Split  string        `json:"split"`  // "validation", or "train" if there is no validation split
	Images int           `json:"images"` // the split's first ones
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

// Cost is what a checkpoint costs: counted, and measured on this machine while
// nothing else of the run computes.
type Cost struct {
	What  string  `json:"what"`  // "dense", "pruned" or "int8"
	Round int     `json:"round"` // of a pruned one, else 0
	File  string  `json:"file"`  // in the run folder; empty where it was not saved
	Top1  float64 `json:"top1"`  // on the test split
	// Parameters are all trained values, Weights those of convolutions and linear
	// layers, NonZero the ones of these that are not zero.
	Parameters int `json:"parameters"`
	Weights    int `json:"weights"`
	NonZero    int `json:"non_zero"`
	// MACs are the multiply-adds of one image; effective are those whose weight is
	// not zero.
	MACs          int64 `json:"macs"`
	EffectiveMACs int64 `json:"effective_macs"`
	Activations   int64 `json:"activation_bytes"` // the most that one image's values take at a time
	// Bytes are those of the safetensors file: as it is, without its zeros (export
	// --sparse), and compressed.
	Bytes       int64    `json:"bytes"`
	SparseBytes int64    `json:"sparse_bytes"`
	GzipBytes   int64    `json:"gzip_bytes"`
	ZstdBytes   int64    `json:"zstd_bytes"`
	Machine     string   `json:"machine"`
	Kernel      string   `json:"kernel"`
	Speeds      []Speed  `json:"speeds"`
	Notes       []string `json:"notes,omitempty"` // sentences about what does not pay
}

// Speed is how long a batch takes, in one form of the network.
type Speed struct {
	Form        string  `json:"form"`  // "fp32", "sparse fp32" (by lists of the weights that are not zero) or "int8"
	Batch       int     `json:"batch"` // images
	Threads     int     `json:"threads"`
	Seconds     float64 `json:"seconds"` // the median
	Low         float64 `json:"low"`     // the quartiles
	High        float64 `json:"high"`
	Repetitions int     `json:"repetitions"`
}
