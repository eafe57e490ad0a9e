// Package derived keeps content that can be made again at any time, such as ready-made answers, as files in a folder that is bounded in size.
//
// Nothing is synced: what a crash leaves torn, or a disk damages, is found by its checksum when it is read, and is
// then as good as absent. Whether content is still right is the business of whoever put it there.
package derived
