package erase

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzJournal starts with whatever is in the journal: the erasure is taken up, or the start fails and names the file.
func FuzzJournal(f *testing.F) {
	for _, seed := range []erasure{{}, {ID: "1", Kind: KindUser, State: StateRunning,
		App: "shop", RequestedAt: time.Unix(1, 0), Tombstones: []string{"a"}}} {
		text, err := json.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"state":"verified","stores":{"x":null}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		folder := t.TempDir()
		file := filepath.Join(folder, "1.json")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		e, err := Open(Options{Folder: folder, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			if !json.Valid(text) && len(err.Error()) < len(file) {
				t.Fatalf("the error does not name the file: %v", err)
			}
			return
		}
		if e == nil {
			t.Fatal("neither erasures nor an error")
		}
	})
}
