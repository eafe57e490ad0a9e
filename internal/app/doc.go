// Package app puts Halong together: it is the one place that knows every part.
// It opens the data folder, replays what the index has not seen, binds the
// listeners, serves, and drains.
package app
