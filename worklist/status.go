package worklist

// Status is the state of an order or of a Scheduled Procedure Step.
type Status string

// The states. Those up to Departed are values of Scheduled Procedure Step Status (0040,0020) in lower case; the others are ours.
const (
	Scheduled    Status = "scheduled"
	Arrived      Status = "arrived"
	Ready        Status = "ready"
	Started      Status = "started"
	Departed     Status = "departed"
	Held         Status = "held" // ORC-1 HD
	Completed    Status = "completed"
	Discontinued Status = "discontinued"
	Cancelled    Status = "cancelled"
)

// Known tells whether s is one of the states.
func (s Status) Known() bool {
	switch s {
	case Scheduled, Arrived, Ready, Started, Departed, Held, Completed, Discontinued, Cancelled:
		return true
	}
	return false
}

// Final tells whether nothing is to be done any more.
func (s Status) Final() bool { return s == Completed || s == Discontinued || s == Cancelled }

// begun tells whether somebody works on it, or has.
func (s Status) begun() bool {
	return s == Started || s == Departed || s == Completed || s == Discontinued
}

// overall gives the state of an order from those of its steps: begun when one is, final when all are.
func overall(steps []Step) Status {
	count := map[Status]int{}
	begun := 0
	for i := range steps {
		s := steps[i].Status
		count[s]++
		if s.begun() {
			begun++
		}
	}
	final := count[Completed] + count[Discontinued] + count[Cancelled]
	switch {
	case len(steps) == 0:
		return ""
	case final < len(steps) && begun > 0:
		return Started
	case final == len(steps) && count[Completed] > 0:
		return Completed
	case final == len(steps) && count[Discontinued] > 0:
		return Discontinued
	case final == len(steps):
		return Cancelled
	}
	for _, s := range []Status{Departed, Ready, Arrived, Scheduled} {
		if count[s] > 0 {
			return s
		}
	}
	return Held
}
