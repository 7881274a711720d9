package release

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/goccy/go-yaml"
)

// Secrets makes a random password for every secret that a compose file takes from a file, where there is none yet, and
// returns the files it made. Containers read them as users of their own, which file permissions on this machine do not
// know: so everybody may read the files, but only their owner may enter the folder.
func Secrets(composeFile string) (made []string, err error) {
	text, err := os.ReadFile(composeFile)
	if err != nil {
		return nil, fmt.Errorf("make secrets: %w", err)
	}
	var compose struct {
		Secrets map[string]struct {
			File string `yaml:"file"`
		} `yaml:"secrets"`
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		return nil, fmt.Errorf("make secrets: %s: %w", composeFile, err)
	}
	for _, secret := range compose.Secrets {
		path := filepath.Join(filepath.Dir(composeFile), filepath.FromSlash(secret.File))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return made, fmt.Errorf("make secrets: %w", err)
		}
		err := createSecret(path)
		switch {
		case errors.Is(err, fs.ErrExist):
		case err != nil:
			return made, fmt.Errorf("make secrets: %w", err)
		default:
			made = append(made, path)
		}
	}
	slices.Sort(made)
	return made, nil
}

// createSecret never replaces a password: the volumes of an earlier start know the old one.
func createSecret(path string) error {
	created, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = created.WriteString(rand.Text() + "\n")
	return errors.Join(err, created.Close())
}
