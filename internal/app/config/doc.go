// Package config is Halong's configuration: the keys of halong.yaml, their
// defaults, and what of them is refused before anything starts. Every flag of
// `halong serve` is also a key here and an environment variable HALONG_…;
// flags win over the environment, the environment over the file, the file over
// the defaults.
package config
