package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/sightline-rum/sightline/pkg/engine"
)

type engineCmd struct {
	Data        string `help:"Data folder." default:"./data" placeholder:"DIR"`
	Listen      string `help:"Address of the ClickHouse HTTP interface; port 0 takes a free one." default:"127.0.0.1:8123" placeholder:"ADDR"`
	AllowRemote bool   `help:"Permit an address that other machines can reach. There is no TLS: for private networks only."`
	MemoryMB    int64  `help:"Memory for queries, merges and caches together; 0 takes half the machine's, at most 8192." placeholder:"MB"`
	MaxBodyMB   int64  `help:"Largest request body." default:"512" placeholder:"MB"`
}

func (c *engineCmd) Run(ctx context.Context) error {
	return engine.Run(engine.WithParent(ctx), engine.Config{
		Data:         c.Data,
		Listen:       c.Listen,
		AllowRemote:  c.AllowRemote,
		MemoryBytes:  c.MemoryMB << 20,
		MaxBodyBytes: c.MaxBodyMB << 20,
		Logger:       slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}
