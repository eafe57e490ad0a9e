package storage

import "time"

// MessageQuery says which messages are looked for. Empty fields are no condition.
type MessageQuery struct {
	Control  string // MSH-10
	Sender   string // MSH-3 or MSH-4
	Type     string // "ORU^R01", or what comes before ^
	State    string // kept, processed or refused
	Patient  string // an identifier: messages that results, orders or changes of that patient came in
	From, To time.Time
	Before   uint64 // only messages that came before that one; 0: from the newest on
	Limit    int    // at most so many; at most MaxMessagesFound
}

// MaxMessagesFound bounds a page of messages, MaxMessagesSeen those that are looked at for it.
const (
	MaxMessagesFound = 500
	MaxMessagesSeen  = 20_000
)

// MessagePage is messages, the newest first. They are without bytes and answers.
type MessagePage struct {
	Messages []*Message
	Before   uint64 // where the next page begins; 0: there are no further messages
}
