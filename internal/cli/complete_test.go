package cli

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/meridian-gateway/meridian/request"
	"github.com/meridian-gateway/meridian/store"
)

// asProgram has the test binary be the program, for shells.
const asProgram = "MERIDIAN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		code := Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		stop()
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// installed puts this program into a folder as meridian, and returns the environment in which it is found.
func installed(t *testing.T) []string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, "meridian")); err != nil {
		t.Skip(err)
	}
	return append(os.Environ(), asProgram+"=1", "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir, "LC_ALL=C.UTF-8")
}

// shells say how each completes a command line whose last word is unfinished, and prints what it found.
var shells = map[string]string{
	"bash": `source /usr/share/bash-completion/bash_completion; source <(meridian completion bash)
COMP_LINE="$LINE"; COMP_WORDS=($LINE); [[ "$LINE" == *" " ]] && COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]}-1)); COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
__start_meridian; printf '%s\n' "${COMPREPLY[@]}"`,
	"fish": `meridian completion fish | source; complete -C "$LINE"`,
	"zsh": `compdef() { : }; source <(meridian completion zsh)
_describe() { print -rl -- $completions }
words=(${=LINE}); [[ "$LINE" == *" " ]] && words+=(""); CURRENT=$#words; _meridian`,
}

// The shells that are installed complete commands, flags, sites, states, collections, routes and requests.
func TestShellsComplete(t *testing.T) {
	t.Parallel()
	file, err := filepath.Abs(furniture)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{list: []store.Record{{Entry: request.Entry{ID: gid, Collection: "tickets", Role: request.Owner, Owner: "chicago", Version: at(1, 2, "chicago")}}},
		owed: []request.Delivery{{Request: gid, Site: "oslo", State: request.Parked}}}
	url := address(t, e)
	env := installed(t)
	for shell, script := range shells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(shell)
			if _, missing := os.Stat("/usr/share/bash-completion/bash_completion"); err != nil || shell == "bash" && missing != nil {
				if os.Getenv("MERIDIAN_REQUIRE") != "" {
					t.Fatalf("%s, or bash-completion, is not installed", shell)
				}
				t.Skipf("%s, or bash-completion, is not installed", shell)
			}
			for line, want := range map[string]string{
				"meridian stat": "status", "meridian requests ": "journey", "meridian status --conf": "--config", "meridian status -o y": "yaml",
				"meridian status --config " + file + " --site c":                    "chicago",
				"meridian transfer 17 --config " + file + " --to up":                "upholstery",
				"meridian deliveries list --state pa":                               "parked",
				"meridian verify --config " + file + " --collection t":              "tickets",
				"meridian explain --config " + file + " --by chairs":                "chairs-to-chicago",
				"meridian requests show --admin " + url + " 01":                     string(gid),
				"meridian deliveries retry --admin " + url + " --request 01":        string(gid),
				"meridian --color n":                                                "never",
				"meridian transfer --admin " + url + " --mode m":                    "move",
				"meridian requests show --admin 127.0.0.1:1 --config " + file + " ": "",
			} {
				cmd := exec.CommandContext(t.Context(), path, "-c", script)
				cmd.Env = slices.Concat(env, []string{"LINE=" + line})
				out, err := cmd.Output()
				if !strings.Contains(string(out), want) || strings.Contains(string(out), "rror") {
					t.Errorf("%q is completed to %q, want %s (%v)", line, out, want, err)
				}
			}
		})
	}
}

// What only a gateway knows is asked there, for the argument that is being typed; nobody waits for one that does not answer.
func TestCompletionOfWhatGatewaysKnow(t *testing.T) {
	t.Parallel()
	doubt := store.Record{Entry: request.Entry{ID: gid, Collection: "tickets", Role: request.Owner, Owner: "chicago", Version: at(1, 2, "chicago"),
		Intent: &request.Intent{Kind: request.Create, Version: at(1, 2, "chicago")}, Doubt: &request.Doubt{Reason: "lost", Candidates: []string{"99"}}}}
	conflict := store.Record{Entry: request.Entry{ID: gid, Conflicts: []request.ConflictRecord{{ID: "queue-1", Kind: "queue"}}}}
	for line, c := range map[string]struct {
		rec  store.Record
		want string
	}{
		"conflicts show":         {conflict, string(gid) + "\tqueue"},
		"conflicts dismiss 17":   {conflict, "queue-1\tqueue"},
		"doubts show":            {doubt, string(gid) + "\tcreate"},
		"doubts adopt 17":        {doubt, "99"},
		"requests settle":        {doubt, string(gid)},
		"requests show":          {conflict, string(gid)},
		"requests show 17":       {conflict, ":4"},
		"doubts adopt 17 99 100": {doubt, ":4"},
	} {
		e := &engine{list: []store.Record{c.rec}, look: func(int) store.Record { return c.rec }}
		words := append([]string{"__complete"}, strings.Fields(line)...)
		code, out, errs := runLine(t, append(words, "--admin", address(t, e), "")...)
		if code != Done || !strings.HasPrefix(out, c.want) {
			t.Errorf("%s: %d %q %q", line, code, out, errs)
		}
	}
	if code, out, _ := runLine(t, "__complete", "requests", "show", "--admin", "127.0.0.1:1", ""); code != Done || !strings.HasPrefix(out, ":4") {
		t.Errorf("%d %q", code, out)
	}
}
