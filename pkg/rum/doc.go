// Package rum holds the words of real user monitoring that every other package speaks: the normal form of a
// beacon and its items, the metrics with their thresholds and ratings, the histogram buckets, and the dimensions
// that answers can be grouped by. It imports nothing of ours.
package rum
