//go:build !linux

package engine

// machineMemory is a cautious guess where the machine cannot be asked portably.
func machineMemory() int64 { return 8 << 30 }
