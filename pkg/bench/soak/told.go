package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sightline-rum/sightline/pkg/demo/traffic"
)

// told counts what was in the beacons that were acknowledged, each of which is a row. It is the sender's recording.
type told struct{ views, errors, actions uint64 }

// Write takes one line of a recording.
func (t *told) Write(line []byte) (int, error) {
	var recorded traffic.Recorded
	if err := json.Unmarshal(line, &recorded); err != nil {
		return 0, fmt.Errorf("read what was sent: %w", err)
	}
	if recorded.Acknowledged {
		t.views += uint64(len(recorded.Truth.Views))
		t.errors += uint64(len(recorded.Truth.Errors))
		t.actions += uint64(len(recorded.Truth.Actions))
	}
	return len(line), nil
}

// compare waits until the spool is drained and holds the rows against what was acknowledged.
func (t *told) compare(ctx context.Context, w *watched) error {
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(time.Second) {
		values, err := w.look(ctx)
		if err != nil {
			return err
		}
		if values["spool_waiting"] == 0 {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the spool was not drained within two minutes: %.0f records wait", values["spool_waiting"])
		}
	}
	var failed []error
	for _, of := range []struct {
		table string
		told  uint64
	}{{"views", t.views}, {"errors", t.errors}, {"actions", t.actions}} {
		var stored uint64
		if err := w.store.Conn().QueryRow(ctx, "SELECT count() FROM "+of.table).Scan(&stored); err != nil {
			return fmt.Errorf("count what is stored: %w", err)
		}
		fmt.Printf("%d %s acknowledged, %d stored\n", of.told, of.table, stored)
		if stored != of.told {
			failed = append(failed, fmt.Errorf("%d %s were acknowledged and %d are stored", of.told, of.table, stored))
		}
	}
	return errors.Join(failed...)
}
