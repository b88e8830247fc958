package ui

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"espalier/compress/pipeline"
	"espalier/ui/state"
)

// A colon is a command of the command line, which the key : opens.
type colon struct {
	name, argument, help string
	do                   func(a *App, argument string) (tea.Cmd, error)
}

// colons returns the commands of the command line.
func colons() []colon {
	table := []colon{
		{"goto", "STEP", "put the cursor at a step; in a replay, go there", (*App).goTo},
		{"pause-at", "STEP", "pause after exactly that step; 0 cancels", (*App).pauseFrom},
		{"calib", "N [OBSERVER]", "measure int8 accuracy at N calibration images", (*App).calibrate},
		{"sensitivity", "", "measure each layer's sensitivity", func(a *App, _ string) (tea.Cmd, error) {
			if !live(a) {
				return nil, fmt.Errorf("sensitivity: the run is not in progress")
			}
			a.layers.test(&a.scene)
			return nil, nil
		}},
		{"layer", "NAME", "select a layer", (*App).chooseLayer},
		{"export", "FORMAT", "export what is shown: csv, json, text, svg, png", (*App).exportAs},
		{"note", "TEXT", "attach a note to this step", func(a *App, text string) (tea.Cmd, error) {
			if text == "" {
				return nil, fmt.Errorf("note: write what to remember")
			}
			a.send(pipeline.Command{Do: pipeline.Remark, Text: text})
			return nil, nil
		}},
		{"replay", "", "replay the run from its beginning, or end the replay", func(a *App, _ string) (tea.Cmd, error) {
			if a.shown.player == nil && !over(a) {
				return nil, fmt.Errorf("replay: the run is still in progress; press i to look back with the cursor")
			}
			return a.replay(), nil
		}},
		{"quit", "", "leave; asks first while a run is in progress", func(a *App, _ string) (tea.Cmd, error) { return a.quit(":"), nil }},
	}
	return append(table, verdictColons()...)
}

// askCommand takes a line for the command line.
func (a *App) askCommand() {
	a.ask(":", "tab completes "+colonNames(), "", a.execute)
}

func colonNames() string {
	var names []string
	for _, c := range colons() {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

// execute runs a line of the command line.
func (a *App) execute(line string) (tea.Cmd, error) {
	name, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	if name == "" {
		return nil, nil
	}
	if _, err := strconv.Atoi(name); err == nil { // a number alone is a step
		name, argument = "goto", name
	}
	matches := matching(name)
	switch {
	case len(matches) == 1:
		return matches[0].do(a, strings.TrimSpace(argument))
	case len(matches) > 1:
		return nil, fmt.Errorf(":%s may be %s or %s: write more of it", name, matches[0].name, matches[1].name)
	}
	return nil, fmt.Errorf(":%s is not a command: ? lists all", name)
}

// matching returns the commands that begin with a name, or only the one with
// exactly that name.
func matching(name string) []colon {
	var matches []colon
	for _, c := range colons() {
		if c.name == name {
			return []colon{c}
		}
		if strings.HasPrefix(c.name, name) {
			matches = append(matches, c)
		}
	}
	return matches
}

// complete completes the name of a command.
func complete(text string) string {
	if matches := matching(text); text != "" && len(matches) == 1 {
		if matches[0].argument != "" {
			return matches[0].name + " "
		}
		return matches[0].name
	}
	return text
}

// parseStep reads a step of the run.
func parseStep(argument string) (int, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(argument, "step "))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is not a step: write a number such as 1200", argument)
	}
	return n, nil
}

// goTo goes to a step.
func (a *App) goTo(argument string) (tea.Cmd, error) {
	step, err := parseStep(argument)
	if err != nil {
		return nil, err
	}
	if a.shown.player != nil {
		return a.playTo(step), nil
	}
	lo, hi, ok := a.loss.extent(&a.scene)
	if !ok {
		return nil, fmt.Errorf("goto %d: the run has no steps yet", step)
	}
	a.scene.cursorOn, a.scene.cursor = true, min(max(float64(step), lo+1), hi)
	return nil, nil
}

// pauseFrom asks for a pause after exactly that step.
func (a *App) pauseFrom(argument string) (tea.Cmd, error) {
	step, err := parseStep(argument)
	switch {
	case err != nil:
		return nil, err
	case !live(a):
		return nil, fmt.Errorf("pause-at %d: the run is not in progress", step)
	case step > 0 && step <= a.scene.run.Step.GlobalStep:
		return nil, fmt.Errorf("pause-at %d: the run is at step %d already", step, a.scene.run.Step.GlobalStep)
	}
	a.send(pipeline.Command{Do: pipeline.PauseAt, AtStep: step})
	return nil, nil
}

// calibrate measures a size.
func (a *App) calibrate(argument string) (tea.Cmd, error) {
	size, observer, _ := strings.Cut(argument, " ")
	n, err := strconv.Atoi(size)
	if err != nil || n < 1 {
		return nil, fmt.Errorf("calib %q: write a number of images, as 64", size)
	}
	names := a.scene.run.Observers()
	if observer = strings.TrimSpace(observer); observer == "" {
		observer = a.scene.selectedObserver()
	} else if !slices.Contains(names, observer) {
		return nil, fmt.Errorf("calib: there is no observer %q: use one of %s", observer, strings.Join(names, ", "))
	}
	a.send(pipeline.Command{Do: pipeline.Calibrate, Images: n, Observer: observer})
	return nil, nil
}

// chooseLayer selects a layer by its name or the short form of it.
func (a *App) chooseLayer(name string) (tea.Cmd, error) {
	for _, l := range a.scene.run.Info.Layers {
		if l.Name == name || state.Short(l.Name) == name {
			a.scene.selectLayer(l.Name)
			return nil, nil
		}
	}
	return nil, fmt.Errorf("there is no layer %q: name one as 2.0.c1 or layer2.0.conv1", name)
}
