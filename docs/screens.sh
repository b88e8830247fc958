#!/bin/sh
# Writes docs/screens.md and the pictures in docs/screens/ from a run:
#
#	docs/screens.sh runs/quick-20261122-140219 [another run to compare with]
#
# STEP is the step that is shown in the middle of training, NOTE says what the
# run is.
#
# Every screen is drawn by the program itself, from the run's journal.
set -eu
run=$1
here=$(cd "$(dirname "$0")" && pwd)
program=${ESPALIER:-espalier}
page=$here/screens.md
name=$(basename "$run")

# screen TITLE FILE SIZE TEXT [flags of espalier screenshot …]
screen() {
	title=$1 file=$2 size=$3 text=$4
	shift 4
	"$program" screenshot "$run" --size "$size" --svg --output "$here/screens/$file.svg" "$@"
	{
		printf '\n## %s\n\n%s\n\n![%s](screens/%s.svg)\n\n' "$title" "$text" "$title" "$file"
		printf '<details><summary>as text</summary>\n\n```text\n'
		"$program" screenshot "$run" --size "$size" "$@"
		printf '```\n\n</details>\n'
	} >>"$page"
}

cat >"$page" <<'EOF'
# The screens

`espalier run` and `espalier attach` show a run on the terminal. `?` explains
the pane that has the focus and lists every key; this page shows what there is
to see.

EOF
cat >>"$page" <<EOF
Every picture is drawn by the program from the journal of one run, \`$name\`,
by \`espalier screenshot\`; \`docs/screens.sh\` makes this page${NOTE:+ ($NOTE)}. On the screen
itself \`e\` exports what is shown as SVG, PNG, text, CSV or JSON.
EOF

half=${STEP:-250} # a step in the middle of a round

screen "All at once" overview 120x36 \
	'From 100×30 on, charts are at the left, layers and scales at the right. `tab` and the numbers move the focus, `z` maximises a pane, and `(` and `)` or the mouse move the borders, which are remembered. A click selects what it points at.'
screen "Two more columns" wide 200x60 \
	'From 160×45 on there is also room for the rounds, the sparsity of every layer over the rounds, and the run in numbers; from 200×60 on for the list of runs.'
screen "In the smallest usual terminal" compact 80x24 \
	'At 80×24 one pane is shown. Sparsity by layer, int8 accuracy and the newest lines of the log are always visible below it. This is the run in the middle of its training.' \
	--step "$half"
screen "Loss" loss 100x30 \
	'Every batch is drawn: each column of dots reaches from its smallest to its largest loss, so no spike is hidden. `i` turns on the cursor, which all panes follow: layers, scales and log then show the step under it. `+` and `-` zoom around the cursor, or onto the newest steps, which stay in view as they come; shift with an arrow moves the view. `x` changes the axis, `y` makes the loss logarithmic, `S` smooths. A close view of the past is read from the journal, step by step. `a` attaches a note to the present step; ◆ marks it.' \
	--keys "z h H H H"
screen "Layers" layers 100x30 \
	'`s` sorts by sparsity, change, weights kept, multiply-adds or sensitivity; `t` measures sensitivity in a run in progress: the rise in loss on validation images without the smaller half of the layer'"'"'s weights. `/` filters; `enter` opens the scales of the layer.' \
	--keys "2 z s s s s s"
screen "Calibration" calibration 100x30 \
	'Int8 accuracy against the number of calibration images, one curve for each observer. `[` and `]` choose a size, `enter` measures it in a run that is in progress.' \
	--keys "3 z ["
screen "Scales" scales 100x30 \
	'The scale of every output channel as a power of two, and histograms of the channel'"'"'s and the layer'"'"'s weights without their zeros. `h` and `l` move between channels, `o` goes to the next outlier, `j` and `k` to other layers.' \
	--keys "4 z j j j o"
screen "A channel" channel 100x30 \
	'`enter` shows the histogram of the selected channel'"'"'s weights; a dotted line marks where codes end. `c` asks a run in progress for the signal-to-noise ratio with ranges cut to a share; the run does not change.' \
	--keys "4 z j j j o enter"
screen "Activations" activations 100x30 \
	'`,` shows the range and the histogram of the layer'"'"'s output, with counts on a logarithmic axis.' \
	--keys "4 z j j j ,"
screen "Log" log 100x30 \
	'What happened. `/` filters by a regular expression, `n` and `N` step through the matches, and `esc` then shows the match among all lines. `!` shows only warnings and errors, then only errors. `f` stays at the selected line, and `enter` on a line about a layer opens it.' \
	--keys "5 z"
screen "Rounds" rounds 100x30 \
	'The table of results: top-1 on the test split, and after pruning and after fine-tuning on the split that the gate uses. `enter` puts the cursor at the end of a round.' \
	--keys "6 z j"
screen "Runs" runs 100x30 \
	'The runs in the same folder. `enter` opens a run in all panes, `R` replays a run that is over, `r` resumes a run that is dead, was stopped or failed; `v` marks runs, `c` compares them.' \
	--keys "7 z"
if [ $# -gt 1 ]; then
	screen "Comparison" compare 100x30 \
		'Differences in results and settings. Panes 1 and 3 show the losses and calibration curves of all compared runs.' \
		--keys "7 z / $(basename "$2" | sed 's/./& /g')enter c"
fi
screen "Replay" replay 120x36 \
	'A run that is over, played again: `space` plays and pauses, `h` and `l` go back and forward by one event, `.` forward by one step, `<` and `>` change the speed, and `home`, `end` and `:goto 250` jump.' \
	--keys "R : $(echo "$half" | sed 's/./& /g')enter h"
screen "Leaving" leave 80x24 \
	'`q` never ends a run by accident.' --step "$half" --keys "q"
screen "Export" export 80x24 \
	'`e` writes what is shown to a file and says where.' --keys "e"
screen "Help" help 100x50 \
	'`?` lists every key and every command of the command line (`:`); `/` searches the list.' --keys "?"
screen "On a light background" light 120x36 \
	'`T` or `--theme light`.' --theme light
screen "With asciigraph's lines" lines 100x30 \
	'`#` or `--glyphs lines`, for fonts without braille.' --glyphs lines
screen "In ASCII" ascii 80x24 \
	'`#` or `--glyphs ascii`, for everything else.' --glyphs ascii

cat >>"$page" <<'EOF'

## What a frame costs

Measured on two cores of an AMD EPYC with AVX-512, by the command beside each:

| | | |
| --- | --- | --- |
| a frame of 200×60 with a million steps behind it | 0.6 ms | `go test ./ui -bench Frame200x60` |
| the same over time, and compared with three more such runs | 0.7 ms, 1.2 ms | |
| from a run to the whole first frame | 18 ms | `go test ./ui -bench FirstFrame` |
| from the journal of a run of 200,000 steps to a frame with the first of them; the header shows how much has been read | 36 ms | `go test ./ui -bench FirstFrameOfALong` |
| from `q` to the restored terminal, when the run is over | 11 ms | `go test ./ui -bench Quit` |
| from a key to its effect while a network is trained on both cores | 9 ms median, 17 ms longest of 100 | `go test ./ui -bench KeyWhileTraining -benchtime 100x` |
| a million steps and ten million in memory | 17 MB | `go test ./ui -run MemoryIsBounded -v` |

`go test ./ui -bench Beside -benchtime 7x` trains in turn with and without the
screen and measures how much slower steps are with it: 0.8 % in the median of four.

For each step the screen writes 0.5 kB at 80×24, 0.8 kB at 120×36 and
1.7 kB at 200×60, colours included (`go test ./ui -run BytesPerFrame -v`): rows
that did not change are not written, colours are written as numbers among 256, and
blanks have no colour. The screen looks for news ten times a second, or twice a second
while the terminal has no focus, and draws only if there is some.
EOF
