package probe_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/charmbracelet/bubbletea"
	"golang.org/x/sys/unix"

	_ "espalier/ui/probe"
)

const child = "ESPALIER_TEST_PROBE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		return // package initialisation was all there was to do
	}
	os.Exit(m.Run())
}

// A program that imports Bubble Tea must reach main at once on a terminal that
// answers no queries.
func TestStartsAtOnceOnASilentTerminal(t *testing.T) {
	master, slave := openTerminal(t)
	cmd := exec.Command(os.Args[0])
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.Env = []string{child + "=1", "TERM=xterm-256color"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	begin := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the start took %v: the terminal was asked and did not answer", took)
	}
	if err := master.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Skipf("cannot read the terminal without waiting: %v", err)
	}
	buffer := make([]byte, 256)
	if n, _ := master.Read(buffer); strings.Contains(string(buffer[:n]), "\x1b") {
		t.Errorf("the terminal was sent %q", buffer[:n])
	}
}

// openTerminal returns the two ends of a new pseudo-terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Skipf("no pseudo-terminal here: %v", err)
	}
	master = os.NewFile(uintptr(fd), "/dev/ptmx")
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Skipf("unlocking the pseudo-terminal: %v", err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Skipf("numbering the pseudo-terminal: %v", err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("opening the pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}
