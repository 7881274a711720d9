package spool

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"
)

// position is a place in the queue: an entry, and how many records and bytes were ever appended up to and including
// it. Every entry carries its own, so that opening a long queue need not read it to know its depth.
type position struct {
	index, records, bytes uint64
}

// entry is one WAL entry read back.
type entry struct {
	end        position
	appendedAt time.Time
	records    [][]byte
}

const (
	entryBytes = 256 << 10 // an entry takes records up to this size, so that batches can be cut finely
	maxRecord  = 32 << 20  // raft-wal takes entries up to 64 MiB

	extensionBytes = 8 + 8 + 4 // records, bytes, CRC of the data
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// packRecord appends a record, its length first.
func packRecord(data, record []byte) []byte {
	data = binary.AppendUvarint(data, uint64(len(record)))
	return append(data, record...)
}

// toLog makes the WAL entry. The WAL checks its own checksums only at recovery: ours catches later damage when read.
func toLog(end position, data []byte, now time.Time) *raft.Log {
	extension := make([]byte, 0, extensionBytes)
	extension = binary.LittleEndian.AppendUint64(extension, end.records)
	extension = binary.LittleEndian.AppendUint64(extension, end.bytes)
	extension = binary.LittleEndian.AppendUint32(extension, crc32.Checksum(data, castagnoli))
	return &raft.Log{Index: end.index, Data: data, Extensions: extension, AppendedAt: now}
}

// fromLog is the inverse of toLog. The records are slices of log.Data.
func fromLog(log *raft.Log) (entry, error) {
	e := entry{appendedAt: log.AppendedAt}
	if len(log.Extensions) != extensionBytes {
		return e, fmt.Errorf("entry %d has an extension of %d bytes, not %d", log.Index, len(log.Extensions), extensionBytes)
	}
	e.end = position{
		index:   log.Index,
		records: binary.LittleEndian.Uint64(log.Extensions),
		bytes:   binary.LittleEndian.Uint64(log.Extensions[8:]),
	}
	if sum := binary.LittleEndian.Uint32(log.Extensions[16:]); sum != crc32.Checksum(log.Data, castagnoli) {
		return e, fmt.Errorf("entry %d does not match its checksum", log.Index)
	}
	for rest := log.Data; len(rest) > 0; {
		length, n := binary.Uvarint(rest)
		if n <= 0 || length > uint64(len(rest)-n) {
			return e, fmt.Errorf("entry %d ends within a record", log.Index)
		}
		e.records = append(e.records, rest[n:n+int(length):n+int(length)])
		rest = rest[n+int(length):]
	}
	return e, nil
}
