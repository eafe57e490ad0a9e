package ups

// Service is the worklist of Unified Procedure Steps.
type Service struct{}
