package report

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"espalier/compress/pipeline"
	"espalier/internal/atomicfile"
)

// Fields of TensorBoard's messages Event, Summary and Summary.Value
// (tensorboard/compat/proto/event.proto and summary.proto).
const (
	eventWallTime    protowire.Number = 1 // double, seconds
	eventStep        protowire.Number = 2 // int64
	eventFileVersion protowire.Number = 3 // string
	eventSummary     protowire.Number = 5
	summaryValue     protowire.Number = 1
	valueTag         protowire.Number = 1 // string
	valueSimple      protowire.Number = 2 // float
)

// WriteTensorBoard writes a run's numbers as an event file under
// dir/RUN, which TensorBoard shows with: tensorboard --logdir dir. It returns the
// file's path. The same journal gives the same bytes, so that writing again
// replaces the file.
func WriteTensorBoard(dir string, folder pipeline.Folder) (string, error) {
	state, err := pipeline.ReadState(folder)
	if err != nil {
		return "", err
	}
	runs := filepath.Join(dir, folder.Name())
	if err := os.MkdirAll(runs, 0o755); err != nil {
		return "", fmt.Errorf("make the folder for TensorBoard: %w", err)
	}
	path := filepath.Join(runs, fmt.Sprintf("events.out.tfevents.%d.espalier", state.Begun.Unix()))
	return path, atomicfile.Write(path, func(w io.Writer) error { return writeEvents(w, folder, state.Begun) })
}

// writeEvents writes an event for each moment of a run.
func writeEvents(w io.Writer, folder pipeline.Folder, begun time.Time) error {
	out := bufio.NewWriter(w)
	version := protowire.AppendTag(eventTime(begun), eventFileVersion, protowire.BytesType)
	writeRecord(out, protowire.AppendString(version, "brain.Event:2"))
	err := moments(folder, func(m moment) error {
		var summary []byte
		for _, x := range m.metrics {
			value := protowire.AppendTag(nil, valueTag, protowire.BytesType)
			value = protowire.AppendString(value, x.tag)
			value = protowire.AppendTag(value, valueSimple, protowire.Fixed32Type)
			value = protowire.AppendFixed32(value, math.Float32bits(float32(x.value)))
			summary = protowire.AppendTag(summary, summaryValue, protowire.BytesType)
			summary = protowire.AppendBytes(summary, value)
		}
		event := protowire.AppendTag(eventTime(m.time), eventStep, protowire.VarintType)
		event = protowire.AppendVarint(event, uint64(m.step))
		event = protowire.AppendTag(event, eventSummary, protowire.BytesType)
		writeRecord(out, protowire.AppendBytes(event, summary))
		return nil
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// eventTime begins an event with its time.
func eventTime(t time.Time) []byte {
	event := protowire.AppendTag(nil, eventWallTime, protowire.Fixed64Type)
	return protowire.AppendFixed64(event, math.Float64bits(float64(t.UnixNano())/1e9))
}

// writeRecord writes data as a TFRecord: its length in 8 bytes, the checksum of
// these, the data, and its checksum (tensorflow/core/lib/io/record_writer.h). The
// writer keeps its first error.
func writeRecord(w *bufio.Writer, data []byte) {
	length := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	w.Write(length)
	binary.Write(w, binary.LittleEndian, masked(length))
	w.Write(data)
	binary.Write(w, binary.LittleEndian, masked(data))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked returns the CRC-32C of data, rotated by 15 bits and shifted, as TFRecord
// stores checksums of data that may hold checksums.
func masked(data []byte) uint32 {
	sum := crc32.Checksum(data, castagnoli)
	return (sum>>15 | sum<<17) + 0xa282ead8
}
