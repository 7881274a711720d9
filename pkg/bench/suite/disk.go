package main

import (
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// fdatasyncs writes blocks of 4 kB to a file one after the other, each to the disk, and returns how long each took, in
// ms: what no durable acknowledgement can be faster than.
func fdatasyncs(folder string, n int) ([]float64, error) {
	file, err := os.Create(filepath.Join(folder, "fdatasync"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	block := make([]byte, 4096)
	var took []float64
	for range n {
		began := time.Now()
		if _, err := file.Write(block); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return nil, err
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
	}
	return took, nil
}
