package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sightline-rum/sightline/pkg/engine"
	"github.com/sightline-rum/sightline/pkg/store"
)

// How far two clocks may be apart: what is within a second or two is the network's.
const (
	clocksApart    = 2 * time.Second
	clocksFarApart = time.Minute
)

// stores asks every store whether it is there, has the right tables, and tells the right time.
func (i *Inside) stores(ctx context.Context, r *Report) {
	if i.Embedded {
		access, err := engine.ReadAccess(i.Data)
		switch {
		case err == nil:
			i.oneStore(ctx, r, "", store.FromAccess(access.Address, access.Database, access.Writer.User, access.Writer.Password))
		case libraryMissing() != nil:
			r.problem("store", i.Data, libraryMissing().Error(),
				"install the engine's library (docs/install.md), or name a ClickHouse server with --clickhouse")
		default:
			r.warn("store", i.Data, "the embedded engine does not run: "+err.Error(),
				"`sightline serve` starts it; its log says why it does not stay")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(i.Stores)) {
		i.oneStore(ctx, r, name, i.Stores[name])
	}
}

// libraryMissing is why the embedded engine cannot be started, or nil.
func libraryMissing() error {
	_, err := engine.FindLibrary()
	return err
}

func (i *Inside) oneStore(ctx context.Context, r *Report, name string, config store.Config) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	where := strings.TrimSpace(config.Address + " " + name)
	opened, err := store.Open(config)
	if err != nil {
		r.problem("store", where, err.Error(), "correct the DSN: clickhouse://user:password@host:9000/sightline")
		return
	}
	defer opened.Close()
	if err := opened.Ping(ctx); err != nil {
		r.problem("store", where, err.Error(), whyAway(err))
		return
	}
	if err := opened.CheckSchema(ctx); err != nil {
		r.problem("store", where, err.Error(),
			"`sightline serve` brings the tables up to date when it starts; its log says what keeps it from doing so")
		return
	}
	r.ok("store", where, "it answers, and its tables are this version's")

	asked := time.Now()
	var now time.Time
	if err := opened.Conn().QueryRow(ctx, "SELECT now64(3, 'UTC')").Scan(&now); err != nil {
		r.problem("clock", where, "the store does not tell the time: "+err.Error(), whyAway(err))
		return
	}
	switch apart := (now.Sub(asked) - time.Since(asked)/2).Abs(); {
	case apart > clocksFarApart:
		r.problem("clock", where,
			fmt.Sprintf("the store's clock is %s off from this machine's: what is recent is not found",
				apart.Round(time.Second)),
			"keep both clocks right: timedatectl set-ntp true, or chrony")
	case apart > clocksApart:
		r.warn("clock", where, fmt.Sprintf("the store's clock is %s off from this machine's",
			apart.Round(100*time.Millisecond)),
			"keep both clocks right: timedatectl set-ntp true, or chrony")
	default:
		r.ok("clock", where, "the store's clock agrees with this machine's")
	}
}

// whyAway is the usual reason for an error of a store.
func whyAway(err error) string {
	const wrongLogin = "the user or the password is wrong: correct the DSN, or the file that --clickhouse-password-file names"
	return advice(err, "look at the store's log", [][2]string{
		{"authentication", wrongLogin},
		{"code: 516", wrongLogin},
		{"no such host", "the host's name is unknown: correct the DSN, or DNS"},
		{"connection refused", "nothing listens there: start the server, and look whether the port is that of the protocol " +
			"(9000 native, 8123 HTTP)"},
		{"certificate", "its certificate is not trusted: add the authority to this machine's, or name the server as it does"},
		{"tls", "one side speaks TLS and the other does not: secure=true in the DSN, and the port for it (9440, 8443)"},
		{"timeout", "nothing answers: a firewall, or the wrong address"},
	})
}

// advice is what goes with the first sign that an error shows.
func advice(err error, otherwise string, signs [][2]string) string {
	text := strings.ToLower(err.Error())
	for _, sign := range signs {
		if strings.Contains(text, sign[0]) {
			return sign[1]
		}
	}
	return otherwise
}
