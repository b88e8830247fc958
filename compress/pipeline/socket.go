package pipeline

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

const (
	// maxCommand bounds a command's line on the socket.
	maxCommand = 64 << 10
	// socketPatience is how long a server waits for the rest of a command, and
	// a client for the answer.
	socketPatience = 10 * time.Second
	// maxClients bounds the connections at a time.
	maxClients = 32
)

var (
	// errNotLive means that no process takes commands for a run.
	errNotLive = errors.New("the run is not being computed")
	// errNotOwner means that another user's process computes a run.
	errNotOwner = errors.New("only the user whose process computes the run can steer it")
)

// reply answers a command on the socket.
type reply struct {
	Error string `json:"error,omitempty"`
}

// A server takes commands for a run from other processes: one JSON object a
// line over a Unix socket in the run folder that only its owner can open, each
// answered with {} or {"error":…}. Events are not sent; clients read the
// journal.
type server struct {
	path     string
	listener net.Listener
	send     func(Command) error

	mu      sync.Mutex
	clients map[net.Conn]struct{}
	closed  bool
	ended   sync.WaitGroup
}

// serve opens the socket and hands the commands that arrive to send. The caller
// holds the run's lock, so a socket that is already there belongs to a dead
// process.
func serve(f Folder, send func(Command) error) (*server, error) {
	if err := os.Remove(f.socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the stale control socket: %w", err)
	}
	path, done, err := shortPath(f.socket())
	if err != nil {
		return nil, err
	}
	defer done()
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open control socket: %w", err)
	}
	// The listener would unlink the temporary name, which is gone by then.
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := os.Chmod(f.socket(), 0o600); err != nil {
		listener.Close()
		return nil, fmt.Errorf("restrict control socket: %w", err)
	}
	s := &server{path: f.socket(), listener: listener, send: send, clients: make(map[net.Conn]struct{})}
	s.ended.Go(s.accept)
	return s, nil
}

// shortPath returns a name for a socket within the system's limit of about 100
// bytes, and a function to call when it is no longer needed. If the path is too
// long, the name goes through a temporary link to the folder.
func shortPath(path string) (string, func(), error) {
	if len(path) < 100 {
		return path, func() {}, nil
	}
	absolute, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return "", nil, fmt.Errorf("control socket: %w", err)
	}
	temporary, err := os.MkdirTemp("", "espalier")
	if err != nil {
		return "", nil, fmt.Errorf("control socket: %w", err)
	}
	link := filepath.Join(temporary, "run")
	if err := os.Symlink(absolute, link); err != nil {
		os.RemoveAll(temporary)
		return "", nil, fmt.Errorf("control socket: %w", err)
	}
	return filepath.Join(link, filepath.Base(path)), func() { os.RemoveAll(temporary) }, nil
}

func (s *server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		if s.closed || len(s.clients) >= maxClients {
			s.mu.Unlock()
			conn.Close()
			continue
		}
		s.clients[conn] = struct{}{}
		s.mu.Unlock()
		s.ended.Go(func() {
			s.serve(conn)
			conn.Close()
			s.mu.Lock()
			delete(s.clients, conn)
			s.mu.Unlock()
		})
	}
}

// serve answers one client's commands until it disconnects or sends something
// wrong.
func (s *server) serve(conn io.ReadWriter) {
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 4096), maxCommand)
	answer := json.NewEncoder(conn)
	for lines.Scan() {
		var r reply
		c, err := parseCommand(lines.Bytes())
		if err == nil {
			c.Source = "socket"
			err = s.send(c)
		}
		if err != nil {
			r.Error = err.Error()
		}
		if answer.Encode(r) != nil {
			return
		}
	}
}

// Close removes the socket and ends all connections.
func (s *server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	s.closed = true
	for conn := range s.clients {
		conn.Close()
	}
	s.mu.Unlock()
	s.ended.Wait()
	if removed := os.Remove(s.path); removed != nil && !errors.Is(removed, os.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// A Remote sends commands to the process that computes a run.
type Remote struct {
	mu    sync.Mutex
	conn  net.Conn
	lines *bufio.Scanner
}

// Dial connects to a live run. The error wraps errNotLive when nobody listens,
// and errNotOwner where this user may not.
func Dial(f Folder) (*Remote, error) {
	path, done, err := shortPath(f.socket())
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := net.DialTimeout("unix", path, socketPatience)
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w (%w)", errNotOwner, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errNotLive, err)
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 4096), maxCommand)
	return &Remote{conn: conn, lines: lines}, nil
}

// Send hands over a command and waits until it is queued or refused.
func (r *Remote) Send(c Command) error {
	line, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("send command: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.conn.SetDeadline(time.Now().Add(socketPatience)); err != nil {
		return fmt.Errorf("send command: %w", err)
	}
	if _, err := r.conn.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("send command: %w", err)
	}
	if !r.lines.Scan() {
		return fmt.Errorf("send command: %w", errors.Join(errNotLive, r.lines.Err()))
	}
	var answer reply
	if err := json.Unmarshal(r.lines.Bytes(), &answer); err != nil {
		return fmt.Errorf("send command: %w", err)
	}
	if answer.Error != "" {
		return errors.New(answer.Error)
	}
	return nil
}

// Close ends the connection.
func (r *Remote) Close() error { return r.conn.Close() }
