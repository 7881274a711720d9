package quarantine

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzFile reads a file that a crash, a full disk or somebody with an editor has left. What is found can be kept again.
func FuzzFile(f *testing.F) {
	line, err := json.Marshal(Entry{ID: "1", At: time.Unix(1_700_000_000, 0), Format: "faro", App: "shop", Reason: "r",
		Payload: json.RawMessage(`{"events":[{}]}`)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(line, '\n'))
	f.Add(append(bytes.Repeat(append(line, '\n'), 2), line[:20]...))
	f.Add([]byte("null\n{}\n[]\n\x00\n\"\\u0000\"\n{\"index\":1e99}\n"))
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(filepath.Join(folder, "1"+extension), text, 0o600); err != nil {
			t.Fatal(err)
		}
		entries, err := Read(folder)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) > bytes.Count(text, []byte("\n")) {
			t.Fatalf("%d entries in %d lines", len(entries), bytes.Count(text, []byte("\n")))
		}
		for _, e := range entries {
			if _, err := json.Marshal(e); err != nil {
				t.Fatalf("an entry that cannot be kept: %v", err)
			}
		}
	})
}
