package ui

import (
	"fmt"
	"slices"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
)

// A verdict overrules the gate about the round in progress.
type verdict struct {
	do              pipeline.Action
	key, hint, help string
}

func verdicts() []verdict {
	return []verdict{
		{pipeline.Accept, "a", "accept", "accept the round in progress, whatever the gate says of it"},
		{pipeline.Retry, "r", "retry", "train the round in progress on after it was measured"},
		{pipeline.Back, "b", "back", "return to the last accepted network after this round, and try a smaller target"},
	}
}

// judging reports whether a verdict can be given.
func judging(a *App) bool { return live(a) && a.scene.run.InRound() }

// verdictBindings are the keys of the verdicts: in all panes while the run waits
// for somebody, else in the pane of the rounds.
func verdictBindings() []binding {
	waits := func(a *App) bool { return judging(a) && a.scene.run.Waits }
	var everywhere, rounds []binding
	for _, v := range verdicts() {
		do := call(func(a *App) { a.command(v.do) })
		everywhere = append(everywhere, binding{keys: []string{v.key}, hint: v.hint, help: v.help, section: "Any pane while the run waits for a decision", when: waits, do: do})
		rounds = append(rounds, binding{keys: []string{v.key}, help: v.help, in: []paneID{paneRounds}, when: judging, do: do})
	}
	return slices.Concat(everywhere, rounds)
}

// verdictColons are the commands of the verdicts.
func verdictColons() []colon {
	var table []colon
	for _, v := range verdicts() {
		table = append(table, colon{string(v.do), "", v.help, func(a *App, _ string) (tea.Cmd, error) {
			if !judging(a) {
				return nil, fmt.Errorf("%s: no round is in progress", v.do)
			}
			a.send(pipeline.Command{Do: v.do})
			return nil, nil
		}})
	}
	return table
}
