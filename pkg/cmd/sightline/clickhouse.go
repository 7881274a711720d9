package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/sightline-rum/sightline/pkg/store"
)

// clickHouse is a server by its DSN. A password that lies in a file, as containers' and systemd's secrets do, goes before
// one in the DSN, which a process list or an environment may show.
func clickHouse(dsn, passwordFile string) (store.Config, error) {
	config, err := store.ParseDSN(dsn)
	if err != nil || passwordFile == "" {
		return config, err
	}
	password, err := os.ReadFile(passwordFile)
	if err != nil {
		return config, fmt.Errorf("read the password of ClickHouse: %w", err)
	}
	config.Password = strings.TrimRight(string(password), "\r\n")
	return config, nil
}
