package ingest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

const userKeyFile = "user.key"

// LoadUserKey reads the secret with which users' keys are hashed, and makes one on first use. Without it nobody can
// find out whose rows a hash marks, nor find a user's rows for erasure: it belongs into the backup of the data folder.
func LoadUserKey(data string) ([]byte, error) {
	path := filepath.Join(data, userKeyFile)
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == sha256.Size:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("user key %s: it has %d bytes instead of %d; restore it from a backup, or delete it to begin anew",
			path, len(key), sha256.Size)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("user key: %w", err)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("user key: %w", err)
	}
	key = make([]byte, sha256.Size)
	_, _ = rand.Read(key) // never fails
	if err := renameio.WriteFile(path, key, 0o600); err != nil {
		return nil, fmt.Errorf("user key: %w", err)
	}
	return key, nil
}

// HashUser is the only form in which a site's own user key is stored: HMAC-SHA256, cut to 128 bits, of app and key.
// With the app in it, the same person is not the same in two apps.
func HashUser(secret []byte, app, user string) string {
	if user == "" {
		return ""
	}
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(app))
	_, _ = mac.Write([]byte{0})
	_, _ = mac.Write([]byte(user))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
