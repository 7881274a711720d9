package ingest

import (
	"strconv"
	"strings"

	"github.com/sightline-rum/sightline/pkg/rum"
)

// parseStack reads the frames of a stack as browsers write it, top first:
//
//	at pay (https://shop.example/app.js:19:155)     Chromium
//	at https://shop.example/app.js:19:155
//	pay@https://shop.example/app.js:19:155          Firefox and Safari
//
// Lines that are no frames, such as the message that Chromium puts first, are left out.
func parseStack(stack string, frames []rum.Frame) []rum.Frame {
	for line := range strings.Lines(stack) {
		if len(frames) >= maxFrames {
			break
		}
		line = strings.TrimSpace(line)
		function, place := "", ""
		if rest, chromium := strings.CutPrefix(line, "at "); chromium {
			place = rest
			if open := strings.LastIndex(rest, " ("); open >= 0 && strings.HasSuffix(rest, ")") {
				function, place = rest[:open], rest[open+2:len(rest)-1]
			}
		} else {
			at := strings.LastIndex(line, "@")
			if at < 0 {
				continue
			}
			function, place = line[:at], line[at+1:]
		}
		file, row, column, ok := splitPlace(place)
		if !ok {
			continue
		}
		function = strings.TrimPrefix(strings.TrimPrefix(function, "async "), "new ")
		frames = append(frames, rum.Frame{Function: cut(function, maxName), File: cut(file, maxURL), Line: row, Column: column})
	}
	return frames
}

// splitPlace splits "file:line:column". A place without a line, such as "native", is none.
func splitPlace(place string) (file string, line, column uint32, ok bool) {
	rest, column, ok := cutNumber(place)
	if !ok {
		return "", 0, 0, false
	}
	if file, line, ok := cutNumber(rest); ok {
		return file, line, column, true
	}
	return rest, column, 0, true
}

func cutNumber(s string) (before string, number uint32, ok bool) {
	colon := strings.LastIndexByte(s, ':')
	if colon <= 0 {
		return s, 0, false
	}
	n, err := strconv.ParseUint(s[colon+1:], 10, 31)
	return s[:colon], uint32(n), err == nil
}
