package pipeline

import "espalier/configs"

// A try is one attempt at a round of the experiment's plan. Events and files call
// its number the round.
type try struct {
	configs.Round
	number int  // from 1
	again  bool // trains the network of the try before further; removes nothing more
}

// sparsity returns the target of weights, 0 where channels go.
func (t try) sparsity() float64 {
	if t.Weights == nil {
		return 0
	}
	return t.Target()
}

// A ladder holds the rounds that are left, and chooses the next one to try from
// the decisions about those before. A resumed run rebuilds it from the journal.
type ladder struct {
	gate   configs.Gate
	rounds []configs.Round // left, the one that is tried first
	number int             // tries so far
	again  bool            // the last try is to be trained on
	// For bisection: the largest target that passed and, if one failed, the
	// smallest that failed, both of the kind of rounds[0].
	passed, failed float64
}

func newLadder(e configs.Experiment) *ladder {
	return &ladder{gate: e.Gate, rounds: e.Plan()}
}

// next returns the next try, or false if none is left.
func (l *ladder) next() (t try, ok bool) {
	if len(l.rounds) == 0 {
		return t, false
	}
	t = try{Round: l.rounds[0], number: l.number + 1, again: l.again}
	if t.again && l.gate.MoreEpochs > 0 {
		t.FineTune.Epochs = configs.Epochs{l.gate.MoreEpochs}
	}
	return t, true
}

// decided takes the decision about the try that next returned.
func (l *ladder) decided(a Action) {
	l.number++
	l.again = a == Retry
	switch a {
	case Accept:
		l.climb()
	case Back:
		l.failed = l.rounds[0].Target()
		if l.mayHalve() {
			l.halve()
		} else {
			l.otherwise()
		}
	case Stop:
		l.rounds = nil
	}
}

// climb goes on from a round that was accepted: to the next one or, if a larger
// target failed, to the middle between the two. If that step is too small, rounds
// of this kind end. Shares of channels are of those that are left, so that
// nothing lies between two of them: the next round follows.
func (l *ladder) climb() {
	if l.rounds[0].Channels != nil {
		l.rounds, l.passed, l.failed = l.rounds[1:], 0, 0
		return
	}
	l.passed = l.rounds[0].Target()
	switch others := l.others(); {
	case l.failed > 0 && l.mayHalve():
		l.halve()
	case l.failed > 0 || len(others) > 0 && len(others) == len(l.rounds)-1:
		l.otherwise()
	default:
		l.rounds = l.rounds[1:]
	}
}

// others returns the remaining rounds from the first of another kind on.
func (l *ladder) others() []configs.Round {
	for i, r := range l.rounds {
		if r.Of() != l.rounds[0].Of() {
			return l.rounds[i:]
		}
	}
	return nil
}

// otherwise goes on with the next kind of rounds.
func (l *ladder) otherwise() {
	l.rounds = l.others()
	l.passed, l.failed = 0, 0
}

// halve makes the middle the next target.
func (l *ladder) halve() {
	l.rounds = append([]configs.Round{l.rounds[0].WithTarget(l.halfway())}, l.rounds[1:]...)
}

func (l *ladder) halfway() float64 { return (l.passed + l.failed) / 2 }

// mayHalve reports whether the middle between the target that passed and the one
// that failed is far enough from both.
func (l *ladder) mayHalve() bool {
	return l.gate.SmallestStep > 0 && !l.rounds[0].Fixed() && l.halfway()-l.passed >= l.gate.SmallestStep-1e-9
}

// mayGoBack reports whether the try in progress may be followed by a smaller one,
// or by one of another kind.
func (l *ladder) mayGoBack() bool {
	below := *l
	below.failed = l.rounds[0].Target()
	return below.mayHalve() || l.gate.SmallestStep > 0 && len(l.others()) > 0
}
